import { Heap } from '../../src/base/heap.ts';
import type { Change, History, Operation, WatchLog } from './history.ts';

/** Between two revisions an object is as the first of them made it. */
interface State {
  from: number;
  /** Exclusive. */
  to: number;
  token: string | undefined;
}

/**
 * Whether a history can be explained by operations that each happened at one instant between call and answer, and by watches
 * that told every change once and in order. Answers what contradicts it; empty when all is well.
 *
 * To find an order of operations that explains what was read is exponential in general (Wing & Gong 1993; Lowe 2017). Here
 * the servers say the order: every write has a revision, all revisions are one line, and the watches give the whole of it.
 * What is left is to place each operation on that line, where its answer is right, so that one that had ended before another
 * began is not behind it. An operation may be placed at the earliest such point: a later one could only be in the way of those
 * that follow. So one pass by time of call decides, and it decides for all objects together, since the line is theirs.
 */
export function contradictions(history: History): string[] {
  const line = timelineOf(history.watches);
  const problems = [
    ...line.problems,
    ...history.watches.flatMap((watch, i) => gapsOf(watch, line.changes, `watch ${i}`)),
  ];
  const states = statesOf(line.changes);
  problems.push(...unexplained(line.changes, history.operations), ...misplaced(history.operations, states));
  return problems;
}

/** All that any watch was told, by revision. */
function timelineOf(watches: readonly WatchLog[]): { changes: Map<number, Change>; problems: string[] } {
  const changes = new Map<number, Change>();
  const problems: string[] = [];
  for (const change of watches.flatMap(({ events }) => events)) {
    const known = changes.get(change.revision);
    if (known && (known.key !== change.key || known.token !== change.token))
      problems.push(`revision ${change.revision} is ${textOf(known)} to one watch and ${textOf(change)} to another`);
    changes.set(change.revision, change);
  }
  return { changes, problems };
}

/** A watch that was told less than others, twice, or in another order. */
function gapsOf({ from, events }: WatchLog, changes: ReadonlyMap<number, Change>, name: string): string[] {
  const problems: string[] = [];
  let last = from;
  for (const event of events) {
    if (event.revision <= last) problems.push(`${name} was told ${textOf(event)} after revision ${last}`);
    last = Math.max(last, event.revision);
  }
  const told = new Set(events.map(({ revision }) => revision));
  for (const [revision, change] of changes)
    if (revision > from && revision <= last && !told.has(revision))
      problems.push(`${name} was not told of ${textOf(change)}`);
  return problems;
}

function statesOf(changes: ReadonlyMap<number, Change>): Map<string, State[]> {
  const states = new Map<string, State[]>();
  for (const { key, revision, token } of [...changes.values()].sort((a, b) => a.revision - b.revision)) {
    const of = states.get(key) ?? [{ from: 0, to: Number.POSITIVE_INFINITY, token: undefined }];
    (of.at(-1) as State).to = revision;
    of.push({ from: revision, to: Number.POSITIVE_INFINITY, token });
    states.set(key, of);
  }
  return states;
}

/** Changes that nobody asked for, and those that were refused. */
function unexplained(changes: ReadonlyMap<number, Change>, operations: readonly Operation[]): string[] {
  const sent = new Map(operations.flatMap((o) => (o.call.type === 'write' && o.call.token ? [[o.call.token, o]] : [])));
  return [...changes.values()].flatMap((change) => {
    if (change.token === undefined) return [];
    const operation = sent.get(change.token);
    if (!operation) return [`nobody wrote ${textOf(change)}`];
    return operation.outcome.type === 'refused' ? [`${textOf(change)} was refused`] : [];
  });
}

/** Operations that fit nowhere. */
function misplaced(operations: readonly Operation[], states: ReadonlyMap<string, State[]>): string[] {
  const problems: string[] = [];
  const placed = new Heap<{ endMs: number; at: number }>((a, b) => a.endMs - b.endMs);
  /** Where the last of those is that had ended. */
  let reached = 0;
  for (const operation of [...operations].sort((a, b) => a.startMs - b.startMs)) {
    for (let top = placed.peek(); top && top.endMs < operation.startMs; top = placed.peek()) {
      reached = Math.max(reached, top.at);
      placed.pop();
    }
    const at = earliest(operation, states.get(operation.key) ?? [everAbsent], reached);
    if (at === undefined) continue;
    if (Number.isFinite(at)) placed.push({ endMs: operation.endMs, at });
    else problems.push(`${describe(operation)} has no place after revision ${reached}`);
  }
  return problems;
}

const everAbsent: State = { from: 0, to: Number.POSITIVE_INFINITY, token: undefined };

/** The first revision from `reached` on at which the answer is right; infinity: none; undefined: it says nothing. */
function earliest({ call, outcome }: Operation, states: readonly State[], reached: number): number | undefined {
  const never = Number.POSITIVE_INFINITY;
  const during = (fits: (state: State) => boolean): number => {
    const state = states.find((s) => s.to > reached && fits(s));
    return state ? Math.max(state.from, reached) : never;
  };
  if (call.type === 'read') {
    if (outcome.type === 'seen') return during((s) => s.from === outcome.revision && s.token === outcome.token);
    return outcome.type === 'absent' ? during((s) => s.token === undefined) : undefined;
  }
  if (outcome.type === 'refused') {
    // What it was to replace was not there, at one moment at least.
    return during((s) => (call.base === 0 ? s.token !== undefined : s.from !== call.base));
  }
  // That something went says not who took it away: one of those that are not known may have, or none.
  if (outcome.type === 'unknown' && call.token === undefined) return undefined;
  // A write is a change of its own: the one that made its token, or that took away what it was to take away.
  const made = states.findIndex((s, i) =>
    call.token === undefined
      ? s.token === undefined && i > 0 && states[i - 1]?.from === call.base
      : s.token === call.token,
  );
  const state = states[made];
  if (!state) return outcome.type === 'unknown' ? undefined : never;
  const before = states[made - 1];
  const replaced = call.base === 0 ? before?.token === undefined : before?.from === call.base;
  const told = outcome.type !== 'written' || outcome.revision === undefined || outcome.revision === state.from;
  return replaced && told && state.from > reached ? state.from : never;
}

const textOf = ({ key, revision, token }: Change): string => `${key}@${revision} ${token ?? 'deleted'}`;

const describe = ({ key, call, outcome, startMs, endMs }: Operation): string =>
  `${key}: ${JSON.stringify(call)} → ${JSON.stringify(outcome)} (${startMs.toFixed(1)}…${endMs.toFixed(1)} ms)`;
