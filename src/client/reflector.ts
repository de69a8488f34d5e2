import { isExpired } from '../api/meta/status-error.ts';
import type { KubeObject, List } from '../api/resource.ts';
import { backoffMs } from '../base/backoff.ts';
import type { WatchEvent } from './client.ts';

/**
 * The list and watch protocol as a state machine: list once, then follow the watch from the list's version. A watch that
 * ends is resumed from the last version seen; one whose version is gone (410) starts again with a list.
 * Source: Kubernetes API concepts, "Efficient detection of changes".
 */
export type ReflectorState =
  | { phase: 'idle' }
  | { phase: 'listing'; failures: number }
  /** The list is being taken in; the watch follows from its version. */
  | { phase: 'replacing'; version: string; failures: number }
  | { phase: 'watching'; version: string; failures: number }
  /** Backing off. With a version the watch is resumed after it, without one the list comes first. */
  | { phase: 'waiting'; version?: string; failures: number }
  | { phase: 'stopped' };

export type ReflectorInput<T> =
  | { type: 'start' }
  | { type: 'listed'; list: List<T> }
  | { type: 'listFailed'; error: unknown }
  /** The content of the list has been taken in. */
  | { type: 'replaced' }
  | { type: 'events'; batch: WatchEvent<T>[] }
  /** `lastedMs`: how long the watch was open. */
  | { type: 'watchEnded'; error?: unknown; lastedMs: number }
  | { type: 'delayPassed' }
  | { type: 'stop' };

export type ReflectorEffect<T> =
  | { type: 'list' }
  | { type: 'watch'; version: string }
  /** The shell adds chance: it waits between one and two times `ms`. */
  | { type: 'wait'; ms: number }
  /** The whole content as of `version`; `replaced` says when it has been taken in. */
  | { type: 'replace'; items: T[]; version: string }
  | { type: 'apply'; events: WatchEvent<T>[]; version: string }
  | { type: 'failed'; error: unknown; failures: number };

export interface ReflectorStep<T> {
  state: ReflectorState;
  effects: ReflectorEffect<T>[];
}

const backoff = { baseMs: 100, maxMs: 10_000 };
/** A watch that was open this long was a good one: failures before it are forgotten. */
const goodWatchMs = 30_000;

export const initialReflector: ReflectorState = { phase: 'idle' };

export function step<T extends KubeObject>(state: ReflectorState, input: ReflectorInput<T>): ReflectorStep<T> {
  if (state.phase === 'stopped') return { state, effects: [] };
  if (input.type === 'stop') return { state: { phase: 'stopped' }, effects: [] };
  switch (state.phase) {
    case 'idle':
      return input.type === 'start' ? list(0) : stay(state);
    case 'listing':
      return whileListing(state, input);
    case 'replacing':
      return input.type === 'replaced' ? watch(state.version, state.failures) : stay(state);
    case 'watching':
      return whileWatching(state, input);
    case 'waiting':
      if (input.type !== 'delayPassed') return stay(state);
      return state.version === undefined ? list(state.failures) : watch(state.version, state.failures);
  }
}

const stay = <T>(state: ReflectorState): ReflectorStep<T> => ({ state, effects: [] });

const list = <T>(failures: number): ReflectorStep<T> => ({
  state: { phase: 'listing', failures },
  effects: [{ type: 'list' }],
});

const watch = <T>(version: string, failures: number): ReflectorStep<T> => ({
  state: { phase: 'watching', version, failures },
  effects: [{ type: 'watch', version }],
});

function wait<T>(failures: number, error?: unknown, version?: string): ReflectorStep<T> {
  const effects: ReflectorEffect<T>[] = [{ type: 'wait', ms: backoffMs(failures, backoff) }];
  if (error !== undefined) effects.unshift({ type: 'failed', error, failures });
  return { state: { phase: 'waiting', version, failures }, effects };
}

function whileListing<T>(
  state: Extract<ReflectorState, { phase: 'listing' }>,
  input: ReflectorInput<T>,
): ReflectorStep<T> {
  if (input.type === 'listFailed') return wait(state.failures + 1, input.error);
  if (input.type !== 'listed') return stay(state);
  const version = input.list.metadata.resourceVersion;
  return {
    state: { phase: 'replacing', version, failures: state.failures },
    effects: [{ type: 'replace', items: input.list.items, version }],
  };
}

function whileWatching<T extends KubeObject>(
  state: Extract<ReflectorState, { phase: 'watching' }>,
  input: ReflectorInput<T>,
): ReflectorStep<T> {
  if (input.type === 'events') {
    const version = input.batch.at(-1)?.object.metadata.resourceVersion ?? state.version;
    const events = input.batch.filter((e) => e.type !== 'BOOKMARK');
    return { state: { phase: 'watching', version, failures: 0 }, effects: [{ type: 'apply', events, version }] };
  }
  if (input.type !== 'watchEnded') return stay(state);
  const failures = input.lastedMs >= goodWatchMs ? 0 : state.failures;
  if (isExpired(input.error)) return failures === 0 ? list(1) : wait(failures + 1, input.error);
  // A watch that ran its time is resumed at once; one that fails or ends at once must not become a busy loop.
  if (input.error === undefined && input.lastedMs >= goodWatchMs) return watch(state.version, 0);
  return wait(failures + 1, input.error, state.version);
}
