import type { Draft } from './draft.ts';
import { containersOf } from './pod-spec.ts';
import { isOfOldRound } from './rounds.ts';
import { adoptProbeResults, containerFromStatus, idOf, lost, statusOf } from './records.ts';
import type { ContainerWork, RuntimeContainer, RuntimePod } from './state.ts';

/**
 * Replaces what is known by what the runtime has. The caller makes sure that no operation on this pod ran while the
 * runtime was asked, so the answer is not older than the state.
 */
export function absorbRuntime(draft: Draft, runtime: RuntimePod): void {
  const { state } = draft;
  absorbSandboxes(draft, runtime);
  // A round has begun as soon as there is a container of it.
  state.round = Math.max(state.round, ...runtime.containers.map(({ round }) => round));
  for (const { container } of containersOf(draft.state.pod)) {
    const found = runtime.containers
      .filter(({ name }) => name === container.name)
      .toSorted((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
    const work = draft.work(container.name);
    const attempts = found.map(({ attempt }) => attempt);
    work.restarts = Math.max(work.restarts, statusOf(draft.state.pod, work.name)?.restartCount ?? 0, ...attempts);
    absorbRecords(draft, work, found);
  }
  const apps = draft.works().filter((work) => work.role === 'app');
  const isInThisSandbox = (work: ContainerWork) =>
    state.sandbox !== undefined && work.current?.sandboxId === state.sandbox.id && !isOfOldRound(state, work);
  // An app container exists only after the init containers: their own records may be gone already.
  if (apps.some(isInThisSandbox)) state.isInitialized = true;
}

function absorbSandboxes(draft: Draft, runtime: RuntimePod): void {
  const { state } = draft;
  const [newest, ...older] = runtime.sandboxes.toSorted(
    (a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs,
  );
  if (newest && !state.oldSandboxes.includes(newest.id)) {
    state.sandbox = newest;
    state.nextSandboxAttempt = Math.max(state.nextSandboxAttempt, newest.attempt + 1);
  } else if (state.sandbox && !newest) {
    state.sandbox = { ...state.sandbox, isReady: false };
  }
  for (const sandbox of older) {
    if (!state.oldSandboxes.includes(sandbox.id) && sandbox.id !== state.sandbox?.id)
      state.oldSandboxes.push(sandbox.id);
  }
}

function absorbRecords(draft: Draft, work: ContainerWork, found: RuntimeContainer[]): void {
  const { nowMs } = draft;
  const reported = reportedIds(draft, work);
  const isInterrupted = (container: RuntimeContainer) =>
    container.state === 'created' || (neverRan(container) && !reported.has(container.id));
  const [newest, ...older] = found.filter((container) => !isInterrupted(container));
  // Made but never started: an agent died in between. It is removed and the start begins anew.
  for (const { id, name, attempt } of found.filter(isInterrupted)) {
    draft.effects.push({ type: 'removeContainer', id, container: name, attempt });
  }
  if (!newest) return absorbAbsence(draft, work);
  const isKnown = work.current?.id === newest.id;
  // What an event has told of an end is newer than the runtime's own record of it.
  if (isKnown && work.current?.state === 'exited')
    work.current = { ...newest, ...endOf(work.current), ...lateOom(work.current, newest) };
  else work.current = newest;
  work.resources ??= draft.state.applied[work.name];
  if (!isKnown) {
    work.current = recalled(draft, newest);
    work.postStart = newest.state === 'running' ? 'done' : 'none';
    adoptProbeResults(work, statusOf(draft.state.pod, work.name));
  }
  const [previous, ...dead] = older.filter((container) => container.state === 'exited');
  if (previous && previous.id === work.previous?.id)
    work.previous = { ...work.previous, ...lateOom(work.previous, previous) };
  else if (previous) work.previous = recalled(draft, previous);
  for (const { id, name, attempt } of dead)
    draft.effects.push({ type: 'removeContainer', id, container: name, attempt });
  if (newest.state === 'running') {
    work.waiting = undefined;
    work.current = { ...work.current, startedAtMs: work.current.startedAtMs || nowMs };
  }
}

/** The runtime gives a start up when the agent that asked for it dies, and keeps the container as ended. */
const neverRan = ({ state, startedAtMs }: RuntimeContainer): boolean => state === 'exited' && startedAtMs === 0;

/** Containers whose fate is known here or in the API. */
function reportedIds(draft: Draft, work: ContainerWork): Set<string | undefined> {
  const { containerID, state, lastState } = statusOf(draft.state.pod, work.name) ?? {};
  const reported = [containerID, state?.terminated?.containerID, lastState?.terminated?.containerID];
  return new Set([work.current?.id, work.previous?.id, ...reported.map(idOf)]);
}

/** The word of an OOM kill may come after that of the end; the runtime's record has it then. */
const lateOom = (told: RuntimeContainer, record: RuntimeContainer): { reason?: string } =>
  told.exitCode === 137 && record.reason === 'OOMKilled' ? { reason: record.reason } : {};

/** The API may remember last words whose file has been removed since, and why the agent ended a container. */
function recalled(draft: Draft, container: RuntimeContainer): RuntimeContainer {
  const { state, lastState } = statusOf(draft.state.pod, container.name) ?? {};
  const ends = [state?.terminated, lastState?.terminated];
  const ended = ends.find((end) => end && idOf(end.containerID) === container.id);
  if (!ended) return container;
  const { reason, message } = container;
  return { ...container, reason: ended.reason ?? reason, message: message || (ended.message ?? '') };
}

const endOf = ({ state, exitCode, reason, message, finishedAtMs }: RuntimeContainer) => ({
  state,
  exitCode,
  reason,
  message,
  finishedAtMs,
});

function absorbAbsence(draft: Draft, work: ContainerWork): void {
  const { nowMs } = draft;
  if (work.current) {
    if (work.current.state === 'running') work.current = lost(work.current, nowMs);
    else if (work.current.state === 'created') work.current = undefined;
    return;
  }
  const status = statusOf(draft.state.pod, work.name);
  if (status) work.current = containerFromStatus(status, { nowMs, round: draft.state.round });
}
