import type { Node, Taint } from '../../api/generated/types.ts';
import { timeText } from '../time-text.ts';

const byPressure: Record<string, string> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';
const unschedulable = 'node.kubernetes.io/unschedulable';

const ours = new Set([notReady, unreachable, unschedulable, ...Object.values(byPressure)]);

/** Whether a lost node has been given up: its pods go elsewhere. */
export const isEvicted = ({ spec }: Node): boolean => (spec?.taints ?? []).some(isEviction);

const isEviction = ({ key, effect }: Taint): boolean =>
  effect === 'NoExecute' && (key === notReady || key === unreachable);

/** The taints a node should have: what its conditions say, that of a lost node that is given up, and whatever others put there. */
export function taintsFor(node: Node, isGivenUp: boolean, nowMs: number): Taint[] {
  const present = node.spec?.taints ?? [];
  const wanted = wantedTaints(node, isGivenUp);
  const isWanted = (t: Taint) => wanted.some((w) => w.key === t.key && w.effect === t.effect);
  const kept = present.filter((t) => !isOurs(t) || isWanted(t));
  const missing = wanted.filter((w) => !present.some((t) => t.key === w.key && t.effect === w.effect));
  return [...kept, ...missing.map((t) => ({ ...t, timeAdded: timeText(nowMs) }))];
}

const isOurs = (taint: Taint): boolean => (ours.has(taint.key) && taint.effect === 'NoSchedule') || isEviction(taint);

function wantedTaints(node: Node, isGivenUp: boolean): Taint[] {
  const status = (type: string) => node.status?.conditions?.find((c) => c.type === type)?.status;
  const taints: Taint[] = Object.entries(byPressure)
    .filter(([type]) => status(type) === 'True')
    .map(([, key]) => ({ key, effect: 'NoSchedule' }));
  if (node.spec?.unschedulable) taints.push({ key: unschedulable, effect: 'NoSchedule' });
  const ready = status('Ready');
  if (ready === 'True') return taints;
  // A node that has said nothing yet takes no pods, but keeps those it has.
  if (ready === undefined) return [...taints, { key: notReady, effect: 'NoSchedule' }];
  const key = ready === 'Unknown' ? unreachable : notReady;
  taints.push({ key, effect: 'NoSchedule' });
  if (isGivenUp) taints.push({ key, effect: 'NoExecute' });
  return taints;
}
