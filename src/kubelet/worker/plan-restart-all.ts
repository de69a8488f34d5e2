import type { Draft } from './draft.ts';
import { isOfOldRound, isRestartingAll } from './rounds.ts';
import type { ContainerWork } from './state.ts';

/** Neither the pod's grace period nor preStop hooks count here; TERM comes a moment before KILL all the same, as upstream. */
const graceSeconds = 2;

/** Upstream's words, of containers that end for it and of those that wait to run again. */
export const restartingAll = {
  reason: 'RestartingAllContainers',
  message: 'The container is removed because RestartAllContainers in place',
};

/** The pod's condition while its containers end. */
export const restartCondition = 'AllContainersRestarting';

/**
 * Ends all containers when one has asked for it, and begins the next round when nothing runs any more. Volumes, devices, sandbox
 * and with it the addresses stay. True while something is still to end: nothing starts meanwhile.
 */
export function planRestartAll(draft: Draft): boolean {
  const { state } = draft;
  const isDue = isRestartingAll(state);
  const works = draft.works().filter(({ role }) => role !== 'ephemeral');
  // Nothing of an old round should run; what an agent has missed ends before anything of this round comes near it.
  const toEnd = works.filter((work) => isDue || (isAlive(work) && isOfOldRound(state, work)));
  for (const work of toEnd) end(draft, work);
  if (toEnd.some((work) => work.isStarting || work.stopping || isAlive(work))) return true;
  if (isDue && !isTold(draft)) {
    // First it is said that it happens: a pod of one container would be through with it before anybody could see it.
    draft.wakeAt(draft.nowMs);
    return true;
  }
  if (isDue) beginRound(draft, works);
  for (const work of works) {
    if (isOfOldRound(state, work) && !work.isStarting) work.waiting ??= restartingAll;
  }
  return false;
}

const isAlive = ({ current }: ContainerWork): boolean => current?.state === 'running' || current?.state === 'created';

const isTold = ({ state }: Draft): boolean =>
  state.status.conditions?.some(({ type, status }) => type === restartCondition && status === 'True') ?? false;

function end(draft: Draft, work: ContainerWork): void {
  const { name: container, current, stopping } = work;
  if (work.isStarting) draft.effects.push({ type: 'cancelStart', container });
  if (work.isStarting || !current || !isAlive(work)) return;
  // Under way already; only a shorter grace period is worth a second call.
  if (stopping && stopping.graceSeconds <= graceSeconds) return;
  if (!stopping && !draft.isDue(work.retryAtMs)) return;
  const { id } = current;
  if (!stopping) draft.event('Normal', 'Killing', `Stopping container ${container}`, container);
  work.stopping = { id, graceSeconds };
  draft.effects.push({ type: 'stopContainer', container, id, graceSeconds, runPreStop: false });
}

/** Back-off stays what it is: a pod that asks for this again and again does so ever later. */
function beginRound({ state }: Draft, works: readonly ContainerWork[]): void {
  state.round++;
  state.isInitialized = false;
  for (const work of works) {
    work.retryAtMs = 0;
    // A hook of what has ended may still be under way: nothing waits for it.
    work.postStart = 'none';
    if (work.current) work.waiting = undefined;
  }
}
