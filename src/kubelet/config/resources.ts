import type { LinuxContainerResources } from '../../api/generated/cri.ts';
import type { Container, Pod, PodQOSClass, PodSpec } from '../../api/generated/types.ts';
import { milliValue, wholeValue } from '../../api/meta/quantity.ts';
import { podRequests } from '../../placement/pod-requests.ts';
import type { AnyContainer } from '../worker/pod-spec.ts';

const minShares = 2;
const maxShares = 262_144;
/** Microseconds: the kernel's usual accounting period. */
export const cpuPeriodUs = 100_000;
const minQuotaUs = 1000;

/** cpu.shares of so many millicores; 1024 are one core. */
export const sharesOf = (milliCpu: number): number =>
  milliCpu === 0 ? minShares : Math.min(Math.max(Math.floor((milliCpu * 1024) / 1000), minShares), maxShares);

/** Microseconds per period that so many millicores may use; 0 means no limit. */
export const quotaOf = (milliCpu: number): number =>
  milliCpu === 0 ? 0 : Math.max(Math.floor((milliCpu * cpuPeriodUs) / 1000), minQuotaUs);

const cpuOf = (quantities?: Record<string, string>) => (quantities?.['cpu'] ? milliValue(quantities['cpu']) : 0);
const memoryOf = (quantities?: Record<string, string>) =>
  quantities?.['memory'] ? wholeValue(quantities['memory']) : 0;

/** The pod's class: the API server's word, or the same rule where it has not spoken. */
export function qosClassOf(pod: Pod): PodQOSClass {
  if (pod.status?.qosClass) return pod.status.qosClass;
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const has = (c: Container) =>
    cpuOf(c.resources?.requests) +
      memoryOf(c.resources?.requests) +
      cpuOf(c.resources?.limits) +
      memoryOf(c.resources?.limits) >
    0;
  if (!all.some(has)) return 'BestEffort';
  const isFull = (c: Container) => {
    const { requests, limits } = c.resources ?? {};
    const [cpu, memory] = [cpuOf(limits), memoryOf(limits)];
    return cpu > 0 && memory > 0 && (cpuOf(requests) || cpu) === cpu && (memoryOf(requests) || memory) === memory;
  };
  return all.every(isFull) ? 'Guaranteed' : 'Burstable';
}

/** How willingly the kernel kills the container when memory runs out; proportional to what it did not ask for. */
export function oomScoreAdjOf(pod: Pod, container: AnyContainer, memoryCapacityBytes: number): number {
  if ((pod.spec.priority ?? 0) >= 2_000_000_000) return -997;
  const qos = qosClassOf(pod);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const requested = memoryOf((container as Container).resources?.requests);
  return Math.min(Math.max(1000 - Math.floor((1000 * requested) / memoryCapacityBytes), 3), 999);
}

export function containerResources(
  pod: Pod,
  container: AnyContainer,
  memoryCapacityBytes: number,
): LinuxContainerResources {
  const { requests, limits } = (container as Container).resources ?? {};
  const limit = cpuOf(limits);
  const memory = memoryOf(limits);
  return {
    cpuShares: sharesOf(cpuOf(requests) || (requests?.['cpu'] === undefined ? limit : 0)),
    ...(limit ? { cpuPeriod: cpuPeriodUs, cpuQuota: quotaOf(limit) } : {}),
    ...(memory ? { memoryLimitInBytes: memory } : {}),
    oomScoreAdj: oomScoreAdjOf(pod, container, memoryCapacityBytes),
  };
}

/** Limits of a pod's own cgroup; what is absent is not limited. */
export interface CgroupLimits {
  cpuShares?: number;
  cpuQuotaUs?: number;
  memoryBytes?: number;
  pids?: number;
}

/** A limit holds for the pod as a whole only when every container has one. */
export function podLimits(pod: Pod, maxPids?: number): CgroupLimits {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const requests = podRequests(pod.spec);
  const limits = podRequests(limitsAsRequests(pod.spec));
  const isDeclared = (name: string) =>
    pod.spec.resources?.limits?.[name] !== undefined || all.every((c) => c.resources?.limits?.[name] !== undefined);
  const cpu = isDeclared('cpu') ? (limits['cpu'] ?? 0) : 0;
  const memory = isDeclared('memory') ? (limits['memory'] ?? 0) : 0;
  const pids = maxPids ? { pids: maxPids } : {};
  if (qosClassOf(pod) === 'BestEffort') return { cpuShares: minShares, ...pids };
  return {
    cpuShares: sharesOf(requests['cpu'] ?? 0),
    ...(cpu ? { cpuQuotaUs: quotaOf(cpu) } : {}),
    ...(memory ? { memoryBytes: memory } : {}),
    ...pids,
  };
}

const limitsAsRequests = (spec: PodSpec): PodSpec => {
  const swap = (c: Container): Container => ({ ...c, resources: { requests: c.resources?.limits } });
  return {
    ...spec,
    containers: spec.containers.map(swap),
    initContainers: spec.initContainers?.map(swap),
    resources: { requests: spec.resources?.limits },
  };
};
