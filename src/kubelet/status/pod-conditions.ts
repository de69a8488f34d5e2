import type { ContainerStatus, PodCondition, PodPhase } from '../../api/generated/types.ts';
import { sameAllocated } from '../resize/allocation.ts';
import { restartCondition } from '../worker/plan-restart-all.ts';
import { isRestartingAll, mayRestartAll } from '../worker/rounds.ts';
import type { PodState } from '../worker/state.ts';
import { timeText } from './time-text.ts';

/** The conditions the kubelet owns; all others belong to somebody else and are kept. */
export const ownConditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'] as const;

interface Facts {
  state: PodState;
  phase: PodPhase;
  initStatuses: ContainerStatus[];
  appStatuses: ContainerStatus[];
  nowMs: number;
}

type Verdict = { status: 'True' | 'False'; reason?: string; message?: string | undefined };

/** All conditions of the pod: ours computed anew, the others as they are. A transition time changes with the status only. */
export function podConditions(facts: Facts): PodCondition[] {
  const old = facts.state.pod.status?.conditions ?? [];
  const containersReady = readiness(facts);
  const verdicts: Record<(typeof ownConditions)[number], Verdict> = {
    PodReadyToStartContainers: { status: hasNetwork(facts.state) ? 'True' : 'False' },
    Initialized: initialized(facts),
    Ready: gated(facts, containersReady),
    ContainersReady: containersReady,
  };
  const own = ownConditions.map((type) => condition(type, verdicts[type], facts));
  const passing = [...restarting(facts), ...disruption(facts), ...resizing(facts)];
  const mine = new Set([...[...own, ...passing].map(({ type }) => type), ...passingConditions]);
  return [...own, ...passing, ...old.filter(({ type }) => !mine.has(type))];
}

/** The kubelet's too, but not of every pod at every time. */
export const passingConditions: readonly string[] = [restartCondition, 'PodResizePending', 'PodResizeInProgress'];

/** Of pods whose rules may restart all containers: whether they end for it now (KEP-5532). */
function restarting(facts: Facts): PodCondition[] {
  const { state, phase } = facts;
  if (!mayRestartAll(state.pod)) return [];
  const [reason, message] = ['RestartAllContainersStarted', 'container exited with restart policy rule'];
  const verdict: Verdict = { status: 'False' };
  if (phase === 'Succeeded') verdict.reason = 'PodCompleted';
  else if (phase === 'Failed') verdict.reason = 'PodFailed';
  else if (isRestartingAll(state)) Object.assign(verdict, { status: 'True', reason, message });
  return [condition(restartCondition, verdict, facts)];
}

function resizing(facts: Facts): PodCondition[] {
  const { pendingResize, resizeError: message, applied, allocated, isResizing, stage } = facts.state;
  if (stage !== 'syncing') return [];
  const isUnderWay = isResizing || !sameAllocated(applied, allocated);
  const error = message === undefined ? {} : { reason: 'Error', message };
  return [
    ...(pendingResize ? [condition('PodResizePending', { status: 'True', ...pendingResize }, facts)] : []),
    ...(isUnderWay ? [condition('PodResizeInProgress', { status: 'True', ...error }, facts)] : []),
  ];
}

/** The reason of the condition DisruptionTarget when it is the node that ends the pod. */
export const terminatedByKubelet = 'TerminationByKubelet';

function disruption(facts: Facts): PodCondition[] {
  const { isDisrupted, message } = facts.state.termination ?? {};
  if (!isDisrupted) return [];
  return [condition('DisruptionTarget', { status: 'True', reason: terminatedByKubelet, message }, facts)];
}

/** Our own last word counts before the API's: it may be newer. */
function lastWord(type: string, { state }: Facts): PodCondition | undefined {
  const lists = [state.status.conditions, state.pod.status?.conditions];
  return lists.map((list) => list?.find((c) => c.type === type)).find((c) => c !== undefined);
}

function condition(type: string, verdict: Verdict, facts: Facts): PodCondition {
  const { state, nowMs } = facts;
  const { generation } = state.pod.metadata;
  const before = lastWord(type, facts);
  const isSame = before?.status === verdict.status && before.lastTransitionTime;
  return {
    type,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    status: verdict.status,
    lastProbeTime: null as unknown as undefined,
    lastTransitionTime: isSame ? before.lastTransitionTime : timeText(nowMs),
    ...(verdict.reason ? { reason: verdict.reason } : {}),
    ...(verdict.message ? { message: verdict.message } : {}),
  };
}

const hasNetwork = (state: PodState): boolean =>
  state.sandbox?.isReady === true && (state.pod.spec.hostNetwork === true || state.sandbox.ips.length > 0);

function initialized(facts: Facts): Verdict {
  const { state, phase, initStatuses } = facts;
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  if (state.isInitialized || initStatuses.length === 0) return { status: 'True' };
  const sidecars = new Set(
    Object.values(state.containers)
      .filter((work) => work.role === 'sidecar')
      .map((work) => work.name),
  );
  const pending = initStatuses.filter((s) => (sidecars.has(s.name) ? !s.started : !s.ready)).map((s) => s.name);
  // What was initialized once stays so, though its init containers may have to run again.
  if (pending.length === 0 || lastWord('Initialized', facts)?.status === 'True') return { status: 'True' };
  const message = `containers with incomplete status: [${pending.join(' ')}]`;
  return { status: 'False', reason: 'ContainersNotInitialized', message };
}

function readiness({ state, phase, initStatuses, appStatuses }: Facts): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const isSidecar = (name: string) => state.containers[name]?.role === 'sidecar';
  const all = [...initStatuses.filter((s) => isSidecar(s.name)), ...appStatuses];
  const unready = all.filter((status) => !status.ready).map((status) => status.name);
  if (unready.length === 0) return { status: 'True' };
  const message = `containers with unready status: [${unready.join(' ')}]`;
  return { status: 'False', reason: 'ContainersNotReady', message };
}

/** Ready is ContainersReady and every readiness gate. */
function gated({ state }: Facts, containersReady: Verdict): Verdict {
  const gates = state.pod.spec.readinessGates ?? [];
  if (containersReady.status === 'False' || gates.length === 0) return containersReady;
  const problems: string[] = [];
  for (const { conditionType } of gates) {
    const found = state.pod.status?.conditions?.find(({ type }) => type === conditionType);
    const text = `corresponding condition of pod readiness gate "${conditionType}"`;
    if (!found) problems.push(`${text} does not exist.`);
    else if (found.status !== 'True')
      problems.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`);
  }
  if (problems.length === 0) return containersReady;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}
