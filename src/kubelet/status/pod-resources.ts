import type { Pod, PodSpec, PodStatus, ResourceRequirements } from '../../api/generated/types.ts';
import { only, writeAmounts } from '../../api/quota/amounts.ts';
import { podTotal } from '../../api/quota/pod-amounts.ts';
import { type Allocated, withAllocated } from '../resize/allocation.ts';
import type { PodState } from '../worker/state.ts';

/** What the pod as a whole was promised, and what it has (KEP-5419): its own amounts, where it has none those of its containers. */
export function podResources({
  pod,
  allocated,
  applied,
}: PodState): Pick<PodStatus, 'allocatedResources' | 'resources'> {
  const { requests } = totalOf(pod, allocated);
  const resources = totalOf(pod, applied);
  return {
    ...(requests ? { allocatedResources: requests } : {}),
    ...(resources.requests || resources.limits ? { resources } : {}),
  };
}

/** A status is made with every step of a pod, and amounts change hardly ever. */
const known = new WeakMap<Allocated, ResourceRequirements>();

function totalOf(pod: Pod, allocated: Allocated): ResourceRequirements {
  const before = known.get(allocated);
  if (before) return before;
  const { spec } = withAllocated(pod, allocated);
  const requests = writeAmounts(podTotal(spec, 'requests'));
  const limits = writeAmounts(only(podTotal(spec, 'limits'), limited(spec)));
  const isSome = (amounts: object) => Object.keys(amounts).length > 0;
  const total = { ...(isSome(requests) ? { requests } : {}), ...(isSome(limits) ? { limits } : {}) };
  known.set(allocated, total);
  return total;
}

/** What the pod as a whole may not have more of: its own limits, and those that every container has. */
function limited({ resources, containers, initContainers = [] }: PodSpec): Set<string> {
  const [first, ...others] = [...initContainers, ...containers].map((one) => Object.keys(one.resources?.limits ?? {}));
  const ofAll = (first ?? []).filter((name) => others.every((names) => names.includes(name)));
  return new Set([...ofAll, ...Object.keys(resources?.limits ?? {})]);
}
