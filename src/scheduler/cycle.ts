import type { Pod } from '../api/generated/types.ts';
import type { Rng } from '../base/rng.ts';
import type { FilterRequest, NodeTest } from '../placement/filters/node-filter.ts';
import { maxScore } from '../placement/scores/node-score.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import type { SchedulerPlugin } from './plugin.ts';

/** Where a pod goes, or why it goes nowhere. */
export type Placement =
  | { node: string; slot: number; evaluated: number }
  | { reasons: Map<string, string[]>; plugins: Set<string>; evaluated: number };

export interface CycleOptions {
  rng: Rng;
  /** Position to begin at, so that sampling visits all nodes in turn. */
  start?: number;
}

/** Below this many nodes all are looked at. */
const minFeasible = 100;

/** How many nodes that fit are enough: all of a small cluster, down to a twentieth of a large one (as upstream). */
export function enoughNodes(count: number): number {
  if (count <= minFeasible) return count;
  const percent = Math.max(50 - Math.floor(count / 125), 5);
  return Math.max(Math.floor((count * percent) / 100), minFeasible);
}

/** Chooses a node for a pod. Pure: writes nothing, reads only the snapshot; equal scores are decided by `rng`. */
export function schedule(
  snapshot: Snapshot,
  pod: Pod,
  plugins: readonly SchedulerPlugin[],
  options: CycleOptions = { rng: { next: () => 0, bytes: () => new Uint8Array() } },
): Placement {
  const request: FilterRequest = { snapshot, pod, requirement: snapshot.requirementOf(pod.spec) };
  const tests = prepared(plugins, request);
  const { feasible, evaluated } = feasibleSlots(snapshot, tests, options.start ?? 0);
  if (feasible.length === 0) return { ...whyNot(snapshot, tests), evaluated };
  const slot = feasible.length === 1 ? (feasible[0] as number) : best(feasible, plugins, { request, rng: options.rng });
  return { node: snapshot.node(slot)?.name as string, slot, evaluated };
}

interface NamedTest extends NodeTest {
  plugin: string;
}

function prepared(plugins: readonly SchedulerPlugin[], request: FilterRequest): NamedTest[] {
  const tests: NamedTest[] = [];
  for (const { name, filter } of plugins) {
    const test = filter?.prepare(request);
    if (test) tests.push({ plugin: name, passes: test.passes, reasons: test.reasons });
  }
  return tests;
}

function feasibleSlots(
  snapshot: Snapshot,
  tests: readonly NamedTest[],
  start: number,
): { feasible: number[]; evaluated: number } {
  const feasible: number[] = [];
  const { size, slots } = snapshot;
  const enough = enoughNodes(size);
  let evaluated = 0;
  for (; evaluated < size && feasible.length < enough; evaluated++) {
    const slot = slots[(start + evaluated) % size] as number;
    if (tests.every((test) => test.passes(slot))) feasible.push(slot);
  }
  return { feasible, evaluated };
}

/** Per node, the reasons of the first plugin that turned it down. */
function whyNot(
  snapshot: Snapshot,
  tests: readonly NamedTest[],
): { reasons: Map<string, string[]>; plugins: Set<string> } {
  const reasons = new Map<string, string[]>();
  const plugins = new Set<string>();
  for (let i = 0; i < snapshot.size; i++) {
    const slot = snapshot.slots[i] as number;
    const failed = tests.find((test) => !test.passes(slot));
    if (!failed) continue;
    plugins.add(failed.plugin);
    reasons.set(snapshot.node(slot)?.name as string, failed.reasons(slot));
  }
  return { reasons, plugins };
}

function best(
  feasible: readonly number[],
  plugins: readonly SchedulerPlugin[],
  { request, rng }: { request: FilterRequest; rng: Rng },
): number {
  const totals = new Float64Array(feasible.length);
  for (const { score, weight = 1 } of plugins) {
    const rate = score?.prepare(request);
    if (!score || !rate) continue;
    const raw = feasible.map(rate);
    const highest = score.normalize ? Math.max(...raw) : 0;
    raw.forEach((value, i) => {
      totals[i] = (totals[i] as number) + weight * normalized(value, highest, score.normalize);
    });
  }
  return feasible[winner(totals, rng)] as number;
}

function normalized(value: number, highest: number, how: 'higher' | 'lower' | undefined): number {
  if (!how) return value;
  if (highest === 0) return how === 'lower' ? maxScore : 0;
  const share = (value * maxScore) / highest;
  return Math.floor(how === 'lower' ? maxScore - share : share);
}

/** Index of the highest total; among equals each is as likely (reservoir sampling). */
function winner(totals: Float64Array, rng: Rng): number {
  let at = 0;
  let ties = 1;
  for (let i = 1; i < totals.length; i++) {
    if ((totals[i] as number) > (totals[at] as number)) {
      at = i;
      ties = 1;
    } else if (totals[i] === totals[at] && rng.next() * ++ties < 1) at = i;
  }
  return at;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.` */
export function unschedulableMessage(nodeCount: number, reasons: ReadonlyMap<string, readonly string[]>): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const list of reasons.values()) for (const reason of list) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const texts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${texts.join(', ')}.`;
}
