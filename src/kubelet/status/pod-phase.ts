import type { PodPhase } from '../../api/generated/types.ts';
import { shouldRestart } from '../worker/pod-spec.ts';
import { isOfOldRound, isRestartingAll } from '../worker/rounds.ts';
import type { ContainerWork, PodState } from '../worker/state.ts';

/** The phase that the containers' states add up to. */
export function podPhase(state: PodState): PodPhase {
  const { pod, termination } = state;
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return phase;
  const works = Object.values(state.containers);
  const apps = works.filter((work) => work.role === 'app');
  if (termination && !works.some(isAlive)) {
    if (termination.phase) return termination.phase;
    const inits = works.filter((work) => work.role === 'init');
    const hasFailedInit = !state.isInitialized && inits.some((work) => endedWith(work, (code) => code !== 0));
    // A pod that was taken down before it ran has no exit codes to judge by.
    if (hasFailedInit || !apps.every((work) => endedWith(work, (code) => code === 0))) return 'Failed';
    return 'Succeeded';
  }
  return runningPhase(state, works);
}

const isAlive = (work: ContainerWork): boolean =>
  work.isStarting || work.current?.state === 'running' || work.current?.state === 'created';

const endedWith = (work: ContainerWork, test: (exitCode: number) => boolean): boolean =>
  work.current?.state === 'exited' && test(work.current.exitCode);

function runningPhase(state: PodState, works: ContainerWork[]): PodPhase {
  const { pod } = state;
  const inits = works.filter((work) => work.role === 'init');
  const apps = works.filter((work) => work.role === 'app');
  const hasBegun = (work: ContainerWork) => work.current !== undefined && !isOfOldRound(state, work);
  const hasRun = (work: ContainerWork) => hasBegun(work) && !(isFirst(work) && work.postStart !== 'done');
  if (!inits.every((work) => endedWith(work, (code) => code === 0)) && !apps.some(hasBegun)) return 'Pending';
  if (!apps.every(hasRun)) return 'Pending';
  if (apps.some((work) => work.current?.state === 'running')) return 'Running';
  // However they ended: they run again.
  if (isRestartingAll(state)) return 'Running';
  const { restartPolicy } = pod.spec;
  // Between its creation and its start a container has no exit code to judge by, though its last life had one.
  const willRun = apps.some((work) => isAlive(work) || (work.current && shouldRestart(pod, work.role, work.current)));
  if (willRun || restartPolicy === 'Always') return 'Running';
  return apps.every((work) => endedWith(work, (code) => code === 0)) ? 'Succeeded' : 'Failed';
}

/** In its first life and not yet through its start: counts as not having run. */
const isFirst = (work: ContainerWork): boolean => work.previous === undefined && work.current?.state !== 'exited';
