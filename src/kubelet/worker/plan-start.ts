import { planResize } from './plan-resize.ts';
import { planRestartAll } from './plan-restart-all.ts';
import { delayText, raised, restartAtMs } from './back-off.ts';
import type { Draft } from './draft.ts';
import { containerOf, podText, specHash } from './pod-spec.ts';
import { statusOf } from './records.ts';
import { isOfOldRound } from './rounds.ts';
import type { ContainerWork } from './state.ts';

/** Brings the pod nearer to running: prepare, sandbox, init containers in order, then the others. */
export function planStart(draft: Draft): void {
  const { state } = draft;
  if (state.prepared !== 'yes') {
    if (state.prepared === 'no' && draft.isDue(state.prepareRetryAtMs)) {
      state.prepared = 'busy';
      draft.effects.push({ type: 'prepare' });
    }
    // What already runs goes on; nothing starts before its volumes are there.
    return;
  }
  if (!planSandbox(draft)) return;
  removeOldSandboxes(draft);
  if (planRestartAll(draft)) return;
  for (const work of draft.works()) {
    planPostStart(draft, work);
    planReplacement(draft, work);
  }
  if (planResize(draft)) return;
  // One start at a time, as Kubernetes does: a postStart hook holds back the next container.
  if (draft.works().some((work) => work.isStarting || work.postStart === 'running')) return;
  const next = nextToStart(draft);
  if (next) start(draft, next);
}

/** True when the sandbox is there and ready. */
function planSandbox(draft: Draft): boolean {
  const { state } = draft;
  if (state.sandboxBusy) return false;
  if (state.sandbox?.isReady) return true;
  if (state.sandbox) {
    replaceSandbox(draft);
    return false;
  }
  if (!draft.isDue(state.sandboxRetryAtMs)) return false;
  state.sandboxBusy = true;
  draft.effects.push({ type: 'runSandbox', attempt: state.nextSandboxAttempt });
  return false;
}

/** A dead sandbox takes its containers with it: all stop, then the sandbox, then a new one is made. */
function replaceSandbox(draft: Draft): void {
  const { state } = draft;
  const works = draft.works();
  for (const work of works) {
    if (work.current?.state === 'running' && !work.stopping && draft.isDue(work.retryAtMs)) stopNow(draft, work);
  }
  if (works.some((work) => work.isStarting || work.current?.state === 'running')) return;
  if (!state.sandbox || !draft.isDue(state.retryAtMs)) return;
  state.sandboxBusy = true;
  draft.event('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
  draft.effects.push({ type: 'stopSandbox', id: state.sandbox.id });
}

function stopNow(draft: Draft, work: ContainerWork): void {
  const id = work.current?.id ?? '';
  const graceSeconds = draft.state.pod.spec.terminationGracePeriodSeconds ?? 30;
  work.stopping = { id, graceSeconds };
  draft.effects.push({ type: 'stopContainer', container: work.name, id, graceSeconds, runPreStop: false });
}

function removeOldSandboxes(draft: Draft): void {
  for (const id of draft.state.oldSandboxes) draft.effects.push({ type: 'removeSandbox', id });
  draft.state.oldSandboxes = [];
}

function planPostStart(draft: Draft, work: ContainerWork): void {
  if (work.isStarting || work.postStart !== 'none' || work.current?.state !== 'running' || work.stopping) return;
  const lifecycle = containerOf(draft.state.pod, work.name)?.lifecycle;
  if (!lifecycle?.postStart) {
    work.postStart = 'done';
    return;
  }
  work.postStart = 'running';
  draft.effects.push({ type: 'postStart', container: work.name, id: work.current.id });
}

/** The image of a container may change in place: the running one is stopped, the restart follows by itself. */
function planReplacement(draft: Draft, work: ContainerWork): void {
  const container = containerOf(draft.state.pod, work.name);
  if (!container || work.current?.state !== 'running' || work.stopping || !work.current.specHash) return;
  if (work.role === 'init' || work.role === 'ephemeral' || work.current.specHash === specHash(container)) return;
  if (!draft.isDue(work.retryAtMs)) return;
  draft.event('Normal', 'Killing', `Container ${work.name} definition changed, will be restarted`, work.name);
  work.backOff = undefined;
  const graceSeconds = draft.state.pod.spec.terminationGracePeriodSeconds ?? 30;
  work.stopping = { id: work.current.id, graceSeconds };
  const { id } = work.current;
  draft.effects.push({ type: 'stopContainer', container: work.name, id, graceSeconds, runPreStop: true });
}

function nextToStart(draft: Draft): ContainerWork | undefined {
  const works = draft.works();
  const inits = works.filter((work) => work.role === 'init' || work.role === 'sidecar');
  if (!draft.state.isInitialized) {
    const pending = inits.find((work) => !isThrough(draft, work));
    const sidecars = inits
      .slice(0, pending ? inits.indexOf(pending) : inits.length)
      .filter((w) => w.role === 'sidecar');
    const fallen = firstStartable(draft, sidecars);
    if (fallen) return fallen;
    if (pending) return firstStartable(draft, [pending]);
    draft.state.isInitialized = true;
  }
  const others = works.filter((work) => work.role !== 'init');
  return firstStartable(draft, others);
}

/** Whether the init container lets the next one start: ended well, or for a sidecar: started. */
function isThrough(draft: Draft, work: ContainerWork): boolean {
  const { current } = work;
  if (current?.sandboxId !== draft.state.sandbox?.id || isOfOldRound(draft.state, work)) return false;
  if (work.role === 'init') return current?.state === 'exited' && current.exitCode === 0;
  return current?.state === 'running' && isStarted(draft, work);
}

/** Running, its postStart hook done and its startup probe, if any, passed. */
export function isStarted(draft: Draft, work: ContainerWork): boolean {
  const container = containerOf(draft.state.pod, work.name);
  return work.postStart === 'done' && (work.startupPassed || !container?.startupProbe);
}

/** Goes through all of them, so that each notes by when it wants to be looked at again. */
function firstStartable(draft: Draft, works: ContainerWork[]): ContainerWork | undefined {
  return works.filter((work) => isStartable(draft, work))[0];
}

function isStartable(draft: Draft, work: ContainerWork): boolean {
  const { current } = work;
  if (work.stopping || current?.state === 'running') return false;
  if (!current || (work.role === 'init' && current.sandboxId !== draft.state.sandbox?.id)) {
    return draft.isDue(work.retryAtMs);
  }
  if (!draft.isToRestart(work) || !draft.isDue(work.retryAtMs)) return false;
  const atMs = restartAtMs(work);
  if (atMs <= draft.nowMs) return true;
  draft.wakeAt(atMs);
  noteBackOff(draft, work);
  return false;
}

function noteBackOff(draft: Draft, work: ContainerWork): void {
  const text = podText(draft.state.pod);
  const delay = delayText(work.backOff?.delayMs ?? 0);
  const message = `back-off ${delay} restarting failed container=${work.name} pod=${text}`;
  if (work.waiting?.reason === 'CrashLoopBackOff' && work.waiting.message === message) return;
  work.waiting = { reason: 'CrashLoopBackOff', message };
  draft.event('Warning', 'BackOff', `Back-off restarting failed container ${work.name} in pod ${text}`, work.name);
}

function start(draft: Draft, work: ContainerWork): void {
  const isRestart = work.current?.state === 'exited' && draft.isToRestart(work);
  if (isRestart && !isRetry(work)) work.backOff = raised(work, draft.nowMs);
  if (work.waiting?.reason === 'CrashLoopBackOff') work.waiting = undefined;
  work.isStarting = true;
  const attempt = nextAttempt(draft, work);
  draft.effects.push({ type: 'startContainer', container: work.name, attempt });
}

/** The back-off was raised for this restart already; it only failed before a container was made. */
const isRetry = (work: ContainerWork): boolean => (work.backOff?.updatedAtMs ?? 0) > (work.current?.finishedAtMs ?? 0);

/** A container that has run, even if only the API remembers it, goes on counting; one that never ran starts at 0. */
function nextAttempt(draft: Draft, work: ContainerWork): number {
  const hasRun = work.current !== undefined || statusOf(draft.state.pod, work.name)?.containerID !== undefined;
  return hasRun || work.restarts > 0 ? work.restarts + 1 : 0;
}
