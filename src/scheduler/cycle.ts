import type { Pod } from '../api/generated/types.ts';
import type { Rng } from '../base/rng.ts';
import type { FilterRequest, NodeTest } from '../placement/filters/node-filter.ts';
import { maxScore } from '../placement/scores/node-score.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import type { SchedulerPlugin } from './plugin.ts';

/** Where a pod goes, or why it goes nowhere. */
export type Placement = { node: string; slot: number; evaluated: number } | ({ evaluated: number } & Unschedulable);

export interface Unschedulable {
  reasons: ReasonCounts;
  plugins: Set<string>;
  /** Nodes that could not take the pod even if other pods left. */
  unresolvable: number;
}

/** How many nodes were turned down for a reason, in the words of Kubernetes. */
export type ReasonCounts = ReadonlyMap<string, number>;

/** What one node had against a pod. */
export interface NodeVerdict {
  plugin: string;
  reasons: readonly string[];
}

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
  { snapshot, plugins }: { snapshot: Snapshot; plugins: readonly SchedulerPlugin[] },
  pod: Pod,
  { rng, start = 0 }: CycleOptions,
): Placement {
  const request: FilterRequest = { snapshot, pod, requirement: snapshot.requirementOf(pod.spec) };
  const tests = prepared(plugins, request);
  const { feasible, evaluated } = feasibleSlots(snapshot, tests, start);
  if (feasible.length === 0) return { ...countReasons(snapshot, tests), evaluated };
  const slot = feasible.length === 1 ? (feasible[0] as number) : best(feasible, plugins, { request, rng });
  return { node: snapshot.node(slot)?.name as string, slot, evaluated };
}

/** Node by node, why the pod cannot go there; nodes that would take it are left out. For `why`. */
export function explain(
  { snapshot, plugins }: { snapshot: Snapshot; plugins: readonly SchedulerPlugin[] },
  pod: Pod,
): Map<string, NodeVerdict> {
  const tests = prepared(plugins, { snapshot, pod, requirement: snapshot.requirementOf(pod.spec) });
  const verdicts = new Map<string, NodeVerdict>();
  for (let i = 0; i < snapshot.size; i++) {
    const slot = snapshot.slots[i] as number;
    const failed = firstFailed(tests, slot);
    if (!failed) continue;
    verdicts.set(snapshot.node(slot)?.name as string, { plugin: failed.plugin, reasons: failed.test.reasons(slot) });
  }
  return verdicts;
}

interface NamedTest {
  plugin: string;
  test: NodeTest;
}

function prepared(plugins: readonly SchedulerPlugin[], request: FilterRequest): NamedTest[] {
  const tests: NamedTest[] = [];
  for (const { name, filter } of plugins) {
    const test = filter?.prepare(request);
    if (test) tests.push({ plugin: name, test });
  }
  return tests;
}

/** A node that fails several filters is counted under the first. */
function firstFailed(tests: readonly NamedTest[], slot: number): NamedTest | undefined {
  for (let i = 0; i < tests.length; i++) {
    const named = tests[i] as NamedTest;
    if (!named.test.passes(slot)) return named;
  }
  return undefined;
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
  for (let at = start % size; evaluated < size && feasible.length < enough; evaluated++) {
    const slot = slots[at] as number;
    if (++at === size) at = 0;
    if (!firstFailed(tests, slot)) feasible.push(slot);
  }
  return { feasible, evaluated };
}

function countReasons(snapshot: Snapshot, tests: readonly NamedTest[]): Unschedulable {
  let unresolvable = 0;
  const reasons = new Map<string, number>();
  const plugins = new Set<string>();
  for (let i = 0; i < snapshot.size; i++) {
    const slot = snapshot.slots[i] as number;
    const failed = firstFailed(tests, slot);
    if (!failed) continue;
    plugins.add(failed.plugin);
    if (!failed.test.resolvable?.(slot)) unresolvable++;
    for (const reason of failed.test.reasons(slot)) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return { reasons, plugins, unresolvable };
}

function best(
  feasible: readonly number[],
  plugins: readonly SchedulerPlugin[],
  { request, rng }: { request: FilterRequest; rng: Rng },
): number {
  const count = feasible.length;
  const totals = new Float64Array(count);
  const raw = new Float64Array(count);
  for (const { score, weight = 1 } of plugins) {
    const rate = score?.prepare(request, feasible);
    if (!score || !rate) continue;
    for (let i = 0; i < count; i++) raw[i] = rate(feasible[i] as number);
    if (typeof score.normalize === 'function') score.normalize(raw);
    else if (score.normalize) normalize(raw, score.normalize);
    for (let i = 0; i < count; i++) totals[i] = (totals[i] as number) + weight * (raw[i] as number);
  }
  return feasible[winner(totals, rng)] as number;
}

/** Scales in place so that the highest count becomes 100 or, where fewer is better, 0. Whole numbers, as upstream. */
function normalize(raw: Float64Array, how: 'higher' | 'lower'): void {
  let highest = 0;
  for (let i = 0; i < raw.length; i++) highest = Math.max(highest, raw[i] as number);
  for (let i = 0; i < raw.length; i++) {
    const share = highest === 0 ? 0 : Math.trunc(((raw[i] as number) * maxScore) / highest);
    raw[i] = how === 'lower' ? maxScore - share : share;
  }
}

/** Index of the highest total; among equals each is as likely. Draws once, and only when there is a choice. */
function winner(totals: Float64Array, rng: Rng): number {
  let highest = Number.NEGATIVE_INFINITY;
  let ties = 0;
  for (let i = 0; i < totals.length; i++) {
    const total = totals[i] as number;
    if (total > highest) {
      highest = total;
      ties = 1;
    } else if (total === highest) ties++;
  }
  let skip = ties > 1 ? Math.floor(rng.next() * ties) : 0;
  for (let i = 0; i < totals.length; i++) if (totals[i] === highest && skip-- === 0) return i;
  return 0;
}
