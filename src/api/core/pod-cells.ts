import type { Container, ContainerStatus, Pod, PodStatus } from '../generated/types.ts';
import { type CellRule, age, columns, field, name, since } from '../meta/columns.ts';
import type { Cell } from '../strategy.ts';

/** What the printer says of a pod: the summary of its containers' states. */
interface PodSummary {
  ready: number;
  total: number;
  status: string;
  restarts: number;
  /** When a container last ended before a restart, epoch milliseconds; 0 for never. */
  lastRestartMs: number;
}

/** An init container that keeps running beside the others (a sidecar, KEP-753). */
const isSidecar = (container: Container | undefined): boolean => container?.restartPolicy === 'Always';

const hasCondition = (status: PodStatus, type: string): boolean =>
  status.conditions?.find((c) => c.type === type)?.status === 'True';

const lastEndMs = (status: ContainerStatus): number => {
  const at = status.lastState?.terminated?.finishedAt;
  return at ? Date.parse(at) || 0 : 0;
};

/** Why a container ended: its reason, else the signal or the exit code. */
function endText({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

/** What an init container that has not done its part yet says of the pod; undefined when it has. */
function initText(status: ContainerStatus, sidecar: boolean): string | undefined {
  const { terminated, waiting } = status.state ?? {};
  if (terminated?.exitCode === 0 && terminated) return undefined;
  if (sidecar && status.started) return undefined;
  if (terminated) return endText(terminated);
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return waiting.reason;
  return '';
}

/** The status before any container is looked at. */
function baseStatus({ status }: Pod): string {
  const gated = status.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated');
  return gated ? 'SchedulingGated' : status.reason || status.phase || '';
}

/** Counts init containers up to the first that blocks the pod; answers whether the pod still initializes. */
function addInitContainers(
  summary: PodSummary,
  pod: Pod,
  sidecars: Pick<PodSummary, 'restarts' | 'lastRestartMs'>,
): boolean {
  const specs = new Map((pod.spec.initContainers ?? []).map((c) => [c.name, c]));
  for (const [index, status] of (pod.status.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(specs.get(status.name));
    for (const sum of sidecar ? [summary, sidecars] : [summary]) {
      sum.restarts += status.restartCount ?? 0;
      sum.lastRestartMs = Math.max(sum.lastRestartMs, lastEndMs(status));
    }
    const text = initText(status, sidecar);
    if (text === undefined) {
      if (sidecar && !status.state?.terminated && status.ready) summary.ready++;
      continue;
    }
    summary.status = `Init:${text || `${index}/${specs.size}`}`;
    return true;
  }
  return false;
}

/** Counts the containers; the first of them that waits or has ended gives the status. */
function addContainers(summary: PodSummary, pod: Pod): void {
  let running = false;
  for (const status of [...(pod.status.containerStatuses ?? [])].reverse()) {
    summary.restarts += status.restartCount ?? 0;
    summary.lastRestartMs = Math.max(summary.lastRestartMs, lastEndMs(status));
    const { waiting, terminated } = status.state ?? {};
    if (waiting?.reason) summary.status = waiting.reason;
    else if (terminated) summary.status = endText(terminated);
    else if (status.ready && status.state?.running) {
      running = true;
      summary.ready++;
    }
  }
  // One container may have finished while another still runs.
  if (summary.status === 'Completed' && running)
    summary.status = hasCondition(pod.status, 'Ready') ? 'Running' : 'NotReady';
}

/** The summary behind the columns Ready, Status and Restarts. */
export function podSummary(pod: Pod): PodSummary {
  const sidecarCount = (pod.spec.initContainers ?? []).filter(isSidecar).length;
  const total = (pod.spec.containers ?? []).length + sidecarCount;
  const summary: PodSummary = { ready: 0, total, status: baseStatus(pod), restarts: 0, lastRestartMs: 0 };
  const sidecars = { restarts: 0, lastRestartMs: 0 };
  const initializing = addInitContainers(summary, pod, sidecars);
  if (!initializing || hasCondition(pod.status, 'Initialized')) {
    // Restarts of init containers that are done no longer matter.
    Object.assign(summary, sidecars);
    addContainers(summary, pod);
  }
  const finished = pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
  if (pod.metadata.deletionTimestamp) {
    if (pod.status.reason === 'NodeLost') summary.status = 'Unknown';
    else if (!finished) summary.status = 'Terminating';
  }
  return summary;
}

function restartsText({ restarts, lastRestartMs }: PodSummary, nowMs: number): string {
  if (restarts === 0 || lastRestartMs === 0) return String(restarts);
  return `${restarts} (${since(new Date(lastRestartMs).toISOString(), nowMs)} ago)`;
}

const readinessGates: CellRule<Pod> = ({ spec, status }) => {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  return `${gates.filter((gate) => hasCondition(status, gate.conditionType)).length}/${gates.length}`;
};

/** One summary per row: the three columns read the same one. */
const summaryCells = (pod: Readonly<Pod>, nowMs: number) => {
  const summary = podSummary(pod);
  return { ready: `${summary.ready}/${summary.total}`, status: summary.status, restarts: restartsText(summary, nowMs) };
};

const otherCells = columns<Pod>({
  Name: name,
  Age: age,
  IP: (pod) => pod.status.podIPs?.[0]?.ip || '<none>',
  Node: field('spec.nodeName', '<none>'),
  'Nominated Node': field('status.nominatedNodeName', '<none>'),
  'Readiness Gates': readinessGates,
});

/** The printer cells of a pod. */
export function podCells(object: Readonly<Pod>, nowMs: number): Cell[] {
  const pod: Pod = Object.assign({ spec: { containers: [] }, status: {} }, object);
  const [podName, ...others] = otherCells(pod, nowMs);
  const { ready, status, restarts } = summaryCells(pod, nowMs);
  return [podName ?? null, ready, status, restarts, ...others];
}
