import { equalJson } from '../api/meta/json.ts';
import type { Pod } from '../api/generated/types.ts';
import { firstAllocated } from './resize/allocation.ts';
import { absorb } from './worker/absorb.ts';
import { Draft } from './worker/draft.ts';
import { containersOf, isTerminalPhase } from './worker/pod-spec.ts';
import { planStart } from './worker/plan-start.ts';
import { planStop } from './worker/plan-stop.ts';
import { workFor } from './worker/records.ts';
import { isRestartingAll } from './worker/rounds.ts';
import type { PodEffect, PodInput, PodState, PodWorkerContext } from './worker/state.ts';
import { podStatus } from './status/pod-status.ts';

/** The state of a pod that the worker has just heard of. Nothing is known of the runtime yet. */
export function initialPodState(pod: Pod, nowMs: number): PodState {
  const containers = Object.fromEntries(
    containersOf(pod).map(({ container, role }) => [container.name, workFor(container.name, role)]),
  );
  const allocated = firstAllocated(pod);
  return {
    pod,
    ...{ allocated, applied: allocated, isResizing: false, resizeRetryAtMs: 0 },
    stage: 'syncing',
    isGoneFromApi: false,
    startTimeMs: pod.status?.startTime ? Date.parse(pod.status.startTime) : nowMs,
    prepared: 'no',
    prepareFailures: 0,
    prepareRetryAtMs: 0,
    sandboxBusy: false,
    sandboxFailures: 0,
    sandboxRetryAtMs: 0,
    nextSandboxAttempt: 0,
    oldSandboxes: [],
    round: 0,
    isInitialized: false,
    containers,
    teardown: 'no',
    removal: 'no',
    retryAtMs: 0,
    failures: 0,
    status: pod.status ?? {},
    timerAtMs: 0,
  };
}

/** The pod worker: `advance`, and what there is to say of it. */
export function step(
  state: PodState,
  input: PodInput,
  context: PodWorkerContext,
): { state: PodState; effects: PodEffect[] } {
  const moved = advance(state, input, context);
  const told = report(moved.state, context);
  return { state: told.state, effects: [...moved.effects, ...told.effects] };
}

/**
 * The pod worker without its report: a function from what is known and what has just happened to what is known now and what
 * is to be done. Level-driven: what to do follows from the whole state, not from the input alone, so a repeated input does no
 * harm. Never asks the clock; `context.nowMs` is the time of the input.
 */
export function advance(
  state: PodState,
  input: PodInput,
  context: PodWorkerContext,
): { state: PodState; effects: PodEffect[] } {
  const draft = new Draft(state, context.nowMs);
  absorb(draft, input);
  decideStage(draft);
  if (draft.state.stage === 'syncing') planStart(draft);
  else planStop(draft);
  draft.setTimer();
  return { state: draft.state, effects: draft.effects };
}

/** A finished or doomed pod stops being synced; there is no way back. */
function decideStage(draft: Draft): void {
  const { state, nowMs } = draft;
  const { pod } = state;
  const isDeleted = state.isGoneFromApi || pod.metadata.deletionTimestamp !== undefined;
  const graceSeconds = graceOf(pod, isDeleted);
  if (isDeleted && state.stage === 'terminating' && state.termination) {
    // A second deletion may shorten the grace period, never lengthen it.
    state.termination.graceSeconds = Math.min(state.termination.graceSeconds, graceSeconds);
  }
  if (state.stage !== 'syncing') return;
  const termination = isDeleted ? {} : (deadline(draft) ?? finished(draft));
  if (!termination) return;
  state.stage = 'terminating';
  state.termination = { graceSeconds, startedAtMs: nowMs, ...termination };
}

function graceOf(pod: Pod, isDeleted: boolean): number {
  const ofSpec = pod.spec.terminationGracePeriodSeconds ?? 30;
  const seconds = isDeleted ? (pod.metadata.deletionGracePeriodSeconds ?? ofSpec) : ofSpec;
  return Math.max(seconds, 1);
}

function deadline(draft: Draft) {
  const { pod, startTimeMs } = draft.state;
  if (pod.spec.activeDeadlineSeconds === undefined) return undefined;
  const atMs = startTimeMs + pod.spec.activeDeadlineSeconds * 1000;
  if (draft.nowMs < atMs) {
    draft.wakeAt(atMs);
    return undefined;
  }
  const message = 'Pod was active on the node longer than the specified deadline';
  draft.event('Normal', 'DeadlineExceeded', message);
  return { phase: 'Failed' as const, reason: 'DeadlineExceeded', message };
}

/** Every container has ended for good, or the API says so already (an agent that restarts finds old pods this way). */
function finished(draft: Draft) {
  const { pod } = draft.state;
  if (isTerminalPhase(pod.status?.phase)) {
    const { phase, reason, message } = pod.status;
    const isRejected = pod.status.containerStatuses === undefined;
    return { isRejected, phase: phase as 'Succeeded' | 'Failed', reason, message };
  }
  // Containers that end for a restart of all do not end the pod.
  if (isRestartingAll(draft.state)) return undefined;
  const works = draft.works();
  const hasEnded = (name: string) => {
    const work = draft.work(name);
    return work.current?.state === 'exited' && !work.isStarting && !draft.isToRestart(work);
  };
  const failedInit = works.some(
    (work) => work.role === 'init' && hasEnded(work.name) && work.current?.exitCode !== 0 && !draft.state.isInitialized,
  );
  const apps = works.filter((work) => work.role === 'app');
  if (failedInit) return { phase: 'Failed' as const };
  return apps.every((work) => hasEnded(work.name)) ? {} : undefined;
}

/** The status that follows from a state, where it is another than the last one. Due after the last input of a moment. */
export function report(state: PodState, context: PodWorkerContext): { state: PodState; effects: PodEffect[] } {
  const status = podStatus(state, context);
  if (equalJson(status, state.status)) return { state, effects: [] };
  // An object that is gone has no status; a pod being removed has said its last word.
  const isTold = !state.isGoneFromApi && state.stage !== 'finished';
  return { state: { ...state, status }, effects: isTold ? [{ type: 'updateStatus', status }] : [] };
}
