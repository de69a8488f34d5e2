import type { Probe } from '../../api/generated/types.ts';
import type { ProbeKind } from '../worker/state.ts';

export interface ProbeState {
  kind: ProbeKind;
  /** undefined until the first verdict: readiness then counts as failed, liveness as passed. */
  verdict?: boolean;
  /** Equal results in a row. */
  run: number;
  lastResult?: boolean;
  nextAtMs: number;
  isRunning: boolean;
  /** A startup probe that passed, or a verdict that ends the container, is the last word. */
  isOver: boolean;
}

export type ProbeInput = { type: 'tick' } | { type: 'result'; isSuccess: boolean } | { type: 'now' };

export interface ProbeStep {
  state: ProbeState;
  /** Start an attempt now. */
  attempt?: true;
  /** A threshold was reached: a verdict that differs from the last. */
  verdict?: boolean;
}

const seconds = (value: number | undefined, otherwise: number): number => (value || otherwise) * 1000;

/** Before the first attempt. A running container's start counts, so a restarted agent does not wait anew. */
export const initialProbe = (kind: ProbeKind, probe: Probe, startedAtMs: number): ProbeState => ({
  kind,
  run: 0,
  nextAtMs: startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000,
  isRunning: false,
  isOver: false,
});

/**
 * One probe of one container: when to try, and what the results add up to. `now` asks for an attempt ahead of time (the
 * readiness of a container that has just started). Thresholds: so many equal results in a row.
 */
export function stepProbe(state: ProbeState, input: ProbeInput, context: { probe: Probe; nowMs: number }): ProbeStep {
  const { probe, nowMs } = context;
  if (state.isOver) return { state };
  if (input.type !== 'result') {
    if (state.isRunning || (input.type === 'tick' && nowMs < state.nextAtMs)) return { state };
    const nextAtMs = Math.max(state.nextAtMs, nowMs) + seconds(probe.periodSeconds, 10);
    return { state: { ...state, isRunning: true, nextAtMs }, attempt: true };
  }
  const run = state.lastResult === input.isSuccess ? state.run + 1 : 1;
  const next: ProbeState = { ...state, isRunning: false, lastResult: input.isSuccess, run };
  const threshold = input.isSuccess ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  if (run < threshold || state.verdict === input.isSuccess) return { state: next };
  next.verdict = input.isSuccess;
  const endsContainer = !input.isSuccess && state.kind !== 'readiness';
  next.isOver = endsContainer || (state.kind === 'startup' && input.isSuccess);
  return { state: next, verdict: input.isSuccess };
}
