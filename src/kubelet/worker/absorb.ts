import { absorbRuntime } from './absorb-runtime.ts';
import type { Draft } from './draft.ts';
import { absorbProbe } from './absorb-probe.ts';
import { absorbAllocation, absorbResized } from './plan-resize.ts';
import { containersOf } from './pod-spec.ts';
import { restartingAll } from './plan-restart-all.ts';
import { workFor } from './records.ts';
import { isRestartingAll } from './rounds.ts';
import type { PodInput, RuntimeContainer } from './state.ts';

/** Writes down what has happened. What follows from it is decided elsewhere. */
export function absorb(draft: Draft, input: PodInput): void {
  const { state, nowMs } = draft;
  switch (input.type) {
    case 'pod':
      state.pod = input.pod;
      for (const { container, role } of containersOf(input.pod)) {
        state.containers[container.name] ??= workFor(container.name, role);
      }
      return;
    case 'deleted':
      if (input.pod) state.pod = input.pod;
      state.isGoneFromApi = true;
      return;
    case 'rejected':
      return absorbRejection(draft, input.reason, input.message);
    case 'evicted':
      return absorbEviction(draft, input);
    case 'allocated':
    case 'resizePending':
      return absorbAllocation(draft, input);
    case 'resized':
      return absorbResized(draft, input);
    case 'collectGarbage':
      return collectGarbage(draft);
    case 'runtime':
      return absorbRuntime(draft, input.runtime);
    case 'prepared':
      state.prepared = 'yes';
      state.prepareFailures = 0;
      return;
    case 'prepareFailed':
      return absorbPrepareFailure(draft, input);
    case 'sandboxReady':
      state.sandboxBusy = false;
      state.sandboxFailures = 0;
      state.sandbox = input.sandbox;
      state.nextSandboxAttempt = input.sandbox.attempt + 1;
      return;
    case 'sandboxFailed':
      return absorbSandboxFailure(draft, input.message);
    case 'sandboxExited':
      if (state.sandbox?.id === input.id) state.sandbox = { ...state.sandbox, isReady: false };
      return;
    case 'sandboxStopped':
      return absorbSandboxStopped(draft, input.id);
    case 'tornDown':
      state.teardown = 'yes';
      return;
    case 'removed':
      state.removal = 'yes';
      return;
    case 'failed':
      return absorbFailure(draft, input.operation);
    case 'wake':
      return absorbWake(draft);
    case 'tick':
      return draft.timerRanOut();
    case 'probe':
      return absorbProbe(draft, input);
    default:
      return absorbContainer(draft, input, nowMs);
  }
}

type ContainerInput = Extract<
  PodInput,
  { type: 'created' | 'started' | 'startFailed' | 'postStartDone' | 'exited' | 'stopped' }
>;

function absorbContainer(draft: Draft, input: ContainerInput, nowMs: number): void {
  switch (input.type) {
    case 'created':
      return absorbCreated(draft, input.container);
    case 'started':
      return absorbStarted(draft, input);
    case 'startFailed':
      return absorbStartFailure(draft, input);
    case 'postStartDone':
      return absorbPostStart(draft, input);
    case 'exited':
      return absorbExit(draft, input);
    case 'stopped': {
      const work = draft.work(input.container);
      if (work.stopping?.id !== input.id) return;
      work.stopping = undefined;
      if (input.error === undefined) return;
      // Held back a little, then tried again: a pod must not stay because one call failed.
      work.retryAtMs = nowMs + 2000;
      draft.event('Warning', 'FailedKillPod', `error killing pod: ${input.error}`);
    }
  }
}

function absorbRejection(draft: Draft, reason: string, message: string): void {
  const { state, nowMs } = draft;
  if (state.stage !== 'syncing') return;
  state.stage = 'terminating';
  state.termination = { isRejected: true, graceSeconds: 1, startedAtMs: nowMs, phase: 'Failed', reason, message };
  draft.event('Warning', reason, message);
}

function absorbEviction(draft: Draft, input: Extract<PodInput, { type: 'evicted' }>): void {
  const { state, nowMs } = draft;
  if (state.stage !== 'syncing') return;
  const { reason, message, graceSeconds } = input;
  state.stage = 'terminating';
  state.termination = { ...{ graceSeconds, startedAtMs: nowMs, phase: 'Failed', reason, message }, isDisrupted: true };
  draft.event('Warning', reason, message);
}

/** The disk is short: containers that have ended and are not the last of their name go. */
function collectGarbage(draft: Draft): void {
  for (const work of draft.works()) {
    if (work.previous?.state !== 'exited') continue;
    const { id, name, attempt } = work.previous;
    draft.effects.push({ type: 'removeContainer', id, container: name, attempt });
    work.previous = undefined;
  }
}

function absorbPrepareFailure(draft: Draft, input: Extract<PodInput, { type: 'prepareFailed' }>): void {
  const { state, nowMs } = draft;
  state.prepared = 'no';
  state.prepareFailures++;
  // As the volume manager does: half a second, doubling to two minutes.
  state.prepareRetryAtMs = nowMs + Math.min(500 * 2 ** (state.prepareFailures - 1), 122_000);
  if (!input.isCancelled) draft.event('Warning', input.reason ?? 'FailedMount', input.message);
}

function absorbSandboxFailure(draft: Draft, message: string): void {
  const { state, nowMs } = draft;
  state.sandboxBusy = false;
  state.sandboxFailures++;
  // The failed attempt may have left a name behind in the runtime: the next one takes another.
  state.nextSandboxAttempt++;
  state.sandboxRetryAtMs = nowMs + Math.min(1000 * 2 ** (state.sandboxFailures - 1), 10_000);
  draft.event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`);
}

function absorbSandboxStopped(draft: Draft, id: string): void {
  const { state } = draft;
  state.sandboxBusy = false;
  state.failures = 0;
  if (state.sandbox?.id !== id) return;
  state.oldSandboxes.push(id);
  state.sandbox = undefined;
  state.isInitialized = false;
}

function absorbFailure(draft: Draft, operation: 'stopSandbox' | 'teardown' | 'remove'): void {
  const { state, nowMs } = draft;
  if (operation === 'stopSandbox') state.sandboxBusy = false;
  if (operation === 'teardown') state.teardown = 'no';
  if (operation === 'remove') state.removal = 'no';
  state.failures++;
  state.retryAtMs = nowMs + Math.min(500 * 2 ** (state.failures - 1), 10_000);
}

/** An object that the pod refers to has changed: whatever waited for it may try again at once. */
function absorbWake(draft: Draft): void {
  draft.state.prepareRetryAtMs = 0;
  for (const work of draft.works()) {
    if (work.waiting?.reason === 'CreateContainerConfigError') work.retryAtMs = 0;
  }
}

function absorbCreated(draft: Draft, container: RuntimeContainer): void {
  const work = draft.work(container.name);
  if (work.current?.id === container.id) return;
  if (work.previous) {
    const { id, name, attempt } = work.previous;
    draft.effects.push({ type: 'removeContainer', id, container: name, attempt });
  }
  work.previous = work.current;
  work.current = container;
  work.resources = draft.state.applied[work.name];
  work.restarts = Math.max(work.restarts, container.attempt);
  work.postStart = 'none';
  work.startupPassed = false;
  work.readinessPassed = false;
  draft.event('Normal', 'Created', `Container created`, container.name);
}

function absorbStarted(draft: Draft, input: { container: string; id: string; atMs: number }): void {
  const work = draft.work(input.container);
  work.isStarting = false;
  work.waiting = undefined;
  if (work.current?.id !== input.id) return;
  draft.event('Normal', 'Started', `Container started`, work.name);
  // A very short container may have ended before its start was reported.
  if (work.current.state !== 'created') {
    work.current = { ...work.current, startedAtMs: work.current.startedAtMs || input.atMs };
    return;
  }
  work.current = { ...work.current, state: 'running', startedAtMs: input.atMs };
}

function absorbStartFailure(draft: Draft, input: Extract<PodInput, { type: 'startFailed' }>): void {
  const work = draft.work(input.container);
  work.isStarting = false;
  work.waiting = { reason: input.reason, message: input.message };
  work.retryAtMs = input.retryAtMs ?? draft.nowMs;
  if (work.current?.state === 'created' && input.id === undefined) {
    // Made, then called off: as if it had never been.
    const { id, name, attempt } = work.current;
    draft.effects.push({ type: 'removeContainer', id, container: name, attempt });
    work.current = work.previous;
    work.previous = undefined;
  }
  if (input.id === undefined || work.current?.id !== input.id) return;
  // The runtime keeps a container that could not start as one that ended with 128.
  const exited = { exitCode: 128, reason: 'StartError', message: input.message, finishedAtMs: draft.nowMs };
  work.current = { ...work.current, ...exited, state: 'exited' };
}

function absorbPostStart(draft: Draft, input: { container: string; id: string; error?: string }): void {
  const work = draft.work(input.container);
  if (work.current?.id !== input.id || work.postStart !== 'running') return;
  work.postStart = 'done';
  if (input.error === undefined) return;
  draft.event('Warning', 'FailedPostStartHook', input.error, work.name);
  if (work.current.state !== 'running') return;
  draft.event('Normal', 'Killing', 'FailedPostStartHook', work.name);
  const graceSeconds = draft.state.pod.spec.terminationGracePeriodSeconds ?? 30;
  work.stopping = { id: input.id, graceSeconds };
  work.waiting = { reason: 'PostStartHookError', message: input.error };
  const { name: container } = work;
  draft.effects.push({ type: 'stopContainer', container, id: input.id, graceSeconds, runPreStop: true });
}

function absorbExit(draft: Draft, input: Extract<PodInput, { type: 'exited' }>): void {
  const work = draft.workById(input.id);
  if (!work?.current || work.current.state === 'exited') return;
  const isOom = input.exitCode === 137 && (input.isOom ?? false);
  const ofItself = input.reason ?? (isOom ? 'OOMKilled' : input.exitCode === 0 ? 'Completed' : 'Error');
  const isForAll = work.stopping !== undefined && isRestartingAll(draft.state);
  work.current = {
    ...work.current,
    state: 'exited',
    exitCode: input.exitCode,
    finishedAtMs: input.atMs,
    reason: isForAll ? restartingAll.reason : ofItself,
    message: input.message || (isForAll ? restartingAll.message : ''),
  };
  work.readinessPassed = false;
}
