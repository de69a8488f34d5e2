import type { DaemonSet, Pod } from '../../api/generated/types.ts';
import { resolveShare } from '../int-or-percent.ts';
import { isPodAvailable, isPodTerminal } from '../pod-state.ts';
import { hashLabel, targetNode } from './daemon-pod.ts';
import type { Eligibility } from './eligibility.ts';

export interface World {
  set: DaemonSet;
  nodes: Map<string, Eligibility>;
  pods: Pod[];
  /** Of the present template. */
  hash: string;
  nowMs: number;
}

export interface Plan {
  /** Names of nodes that get a pod. */
  create: string[];
  delete: Pod[];
  /** Pods that have ended by themselves, by node: they go too, but not too often. */
  ended: Map<string, Pod[]>;
}

const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;
const isUpdated = (w: World, pod: Pod): boolean => pod.metadata.labels?.[hashLabel] === w.hash;
const isAvailable = ({ set, nowMs }: World, pod: Pod): boolean =>
  isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);

/** Those with a node first, then the older ones. */
const byAge = (a: Pod, b: Pod): number =>
  Number(!a.spec.nodeName) - Number(!b.spec.nodeName) ||
  (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name);

/** The pods by node, oldest first; one that has ended and is going counts no more. */
export function podsByNode(w: World): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of [...w.pods].sort(byAge)) {
    const name = targetNode(pod);
    if (name === undefined || (isPodTerminal(pod) && isGoing(pod))) continue;
    const there = byNode.get(name);
    if (there) there.push(pod);
    else byNode.set(name, [pod]);
  }
  return byNode;
}

/** First the right number of pods on each node; when that is settled, the next step of a rolling update. */
export function plan(w: World): Plan {
  const byNode = podsByNode(w);
  const placed = planPlacement(w, byNode);
  if (placed.create.length + placed.delete.length + placed.ended.size > 0) return placed;
  return w.set.spec.updateStrategy?.type === 'OnDelete' ? nothing() : planUpdate(w, byNode);
}

const nothing = (): Plan => ({ create: [], delete: [], ended: new Map() });

function planPlacement(w: World, byNode: Map<string, Pod[]>): Plan {
  const p = nothing();
  for (const [name, { shouldRun, mayStay }] of w.nodes) {
    const pods = byNode.get(name);
    if (!pods) {
      if (shouldRun) p.create.push(name);
      continue;
    }
    const staying = pods.filter((pod) => !isGoing(pod));
    if (!mayStay) {
      p.delete.push(...staying);
      continue;
    }
    const ended = staying.filter(isPodTerminal);
    if (ended.length > 0) p.ended.set(name, ended);
    p.delete.push(
      ...surplus(
        w,
        staying.filter((pod) => !isPodTerminal(pod)),
      ),
    );
  }
  // The scheduler would wait for these nodes for ever. Bound ones are the pod garbage collector's.
  const lost = [...byNode].filter(([name]) => !w.nodes.has(name)).flatMap(([, pods]) => pods);
  p.delete.push(...lost.filter((pod) => !pod.spec.nodeName && !isGoing(pod)));
  return p;
}

/** All but one on a node; while surging, all but one of each revision until the new one can stand in for the old one. */
function surplus(w: World, running: Pod[]): Pod[] {
  if (counts(w).surge === 0) return running.slice(1);
  const [updated, ...moreUpdated] = running.filter((pod) => isUpdated(w, pod));
  const [old, ...moreOld] = running.filter((pod) => !isUpdated(w, pod));
  const isReplaced = updated && old && isAvailable(w, updated);
  return [...moreUpdated, ...moreOld, ...(isReplaced ? [old] : [])];
}

/** How many pods may be beyond and away, of the nodes that should have one. Both round up; both zero would stand still. */
function counts({ set, nodes }: World): { surge: number; unavailable: number } {
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type === 'OnDelete') return { surge: 0, unavailable: 0 };
  const desired = [...nodes.values()].filter((n) => n.shouldRun).length;
  const surge = resolveShare(rollingUpdate?.maxSurge ?? 0, desired, Math.ceil);
  const unavailable = resolveShare(rollingUpdate?.maxUnavailable ?? 1, desired, Math.ceil);
  return { surge, unavailable: surge === 0 ? Math.max(1, unavailable) : unavailable };
}

interface OnNode {
  name: string;
  updated: Pod | undefined;
  old: Pod | undefined;
}

function planUpdate(w: World, byNode: Map<string, Pod[]>): Plan {
  const onNodes = [...byNode].map(([name, pods]): OnNode => {
    const staying = pods.filter((pod) => !isGoing(pod));
    const updated = staying.find((pod) => isUpdated(w, pod));
    return { name, updated, old: staying.find((pod) => pod !== updated && !isUpdated(w, pod)) };
  });
  const { surge, unavailable } = counts(w);
  return surge === 0 ? replace(w, onNodes, unavailable) : surgeOver(w, onNodes, surge);
}

/** Old pods that do not work go at once; of those that do, as many as may be away. */
function replace(w: World, onNodes: OnNode[], maxUnavailable: number): Plan {
  const broken: Pod[] = [];
  const working: Pod[] = [];
  let away = 0;
  for (const { updated, old } of onNodes) {
    if (updated) away += isAvailable(w, updated) ? 0 : 1;
    else if (!old) away++;
    else if (isAvailable(w, old)) working.push(old);
    else {
      away++;
      broken.push(old);
    }
  }
  return { ...nothing(), delete: [...broken, ...working.slice(0, Math.max(0, maxUnavailable - away))] };
}

/** Nodes whose old pod does not work get a new one at once; of the others, as many as may have two. */
function surgeOver(w: World, onNodes: OnNode[], maxSurge: number): Plan {
  const p = nothing();
  const candidates: string[] = [];
  let surged = 0;
  for (const { name, updated, old } of onNodes) {
    if (!old) continue;
    if (updated) {
      if (isAvailable(w, old)) surged++;
      else p.delete.push(old);
    } else if (isAvailable(w, old)) candidates.push(name);
    else p.create.push(name);
  }
  p.create.push(...candidates.slice(0, Math.max(0, maxSurge - surged)));
  return p;
}
