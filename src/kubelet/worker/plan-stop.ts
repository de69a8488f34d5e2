import type { Draft } from './draft.ts';
import type { ContainerWork } from './state.ts';

/** Takes the pod down: containers (sidecars last, in reverse), sandbox, volumes and cgroups; all traces if deleted. */
export function planStop(draft: Draft): void {
  const { state } = draft;
  if (state.stage === 'terminating') planTermination(draft);
  if (state.stage !== 'terminated') return;
  const isDeleted = state.isGoneFromApi || state.pod.metadata.deletionTimestamp !== undefined;
  if (!isDeleted) return;
  if (state.removal === 'no' && draft.isDue(state.retryAtMs)) {
    state.removal = 'busy';
    const sandboxes = [...state.oldSandboxes, ...(state.sandbox ? [state.sandbox.id] : [])];
    draft.effects.push({ type: 'remove', sandboxes });
  }
  if (state.removal !== 'yes') return;
  state.stage = 'finished';
  if (!state.isGoneFromApi) draft.effects.push({ type: 'deletePod' });
}

function planTermination(draft: Draft): void {
  const { state } = draft;
  const works = draft.works();
  for (const work of works) if (work.isStarting) draft.effects.push({ type: 'cancelStart', container: work.name });
  if (state.prepared === 'busy') draft.effects.push({ type: 'cancelPrepare' });
  for (const work of toStopNow(works)) stop(draft, work);
  if (works.some((work) => work.isStarting || isAlive(work) || work.stopping)) return;
  // A preparation or a sandbox under way is waited for: what it makes must not be left behind.
  if (state.sandboxBusy || state.prepared === 'busy' || state.isResizing) return;
  if (state.sandbox) {
    if (!draft.isDue(state.retryAtMs)) return;
    state.sandboxBusy = true;
    draft.effects.push({ type: 'stopSandbox', id: state.sandbox.id });
    return;
  }
  if (state.teardown === 'no' && draft.isDue(state.retryAtMs)) {
    state.teardown = 'busy';
    draft.effects.push({ type: 'teardown' });
  }
  if (state.teardown === 'yes') state.stage = 'terminated';
}

const isAlive = (work: ContainerWork): boolean =>
  work.current?.state === 'running' || work.current?.state === 'created';

/** Everything but sidecars at once; then the sidecars one after another, the last started first. */
function toStopNow(works: ContainerWork[]): ContainerWork[] {
  const others = works.filter((work) => work.role !== 'sidecar' && (isAlive(work) || work.isStarting));
  if (others.length > 0) return others;
  const sidecars = works.filter((work) => work.role === 'sidecar' && isAlive(work));
  return sidecars.slice(-1);
}

function stop(draft: Draft, work: ContainerWork): void {
  const { termination } = draft.state;
  if (!work.current || !isAlive(work) || work.isStarting || !termination) return;
  // Under way already; only a shorter grace period is worth a second call.
  if (work.stopping && work.stopping.graceSeconds <= termination.graceSeconds) return;
  if (!work.stopping && !draft.isDue(work.retryAtMs)) return;
  const { id } = work.current;
  if (!work.stopping) draft.event('Normal', 'Killing', `Stopping container ${work.name}`, work.name);
  const runPreStop = work.stopping === undefined && work.current.state === 'running';
  work.stopping = { id, graceSeconds: termination.graceSeconds };
  const graceSeconds = remainingGrace(draft, work);
  draft.effects.push({ type: 'stopContainer', container: work.name, id, graceSeconds, runPreStop });
}

/** Sidecars get what the others have left of the pod's grace period. */
function remainingGrace(draft: Draft, work: ContainerWork): number {
  const { graceSeconds = 1, startedAtMs = draft.nowMs } = draft.state.termination ?? {};
  if (work.role !== 'sidecar') return graceSeconds;
  const spentSeconds = Math.floor((draft.nowMs - startedAtMs) / 1000);
  return Math.max(graceSeconds - spentSeconds, 2);
}
