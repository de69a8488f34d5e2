import type { DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/generated/types.ts';
import { type ConditionText, conditionOf, replaced, withCondition, withoutCondition } from './conditions.ts';
import { maxUnavailable, replicasOf, total, totalAvailable } from './numbers.ts';
import { allSets, type Rollout, writeStatus } from './rollout-state.ts';

const sum = (sets: ReplicaSet[], of: (s: ReplicaSet) => number | undefined): number =>
  sets.reduce((n, set) => n + (of(set) ?? 0), 0);

/** The counters and the Available condition. */
export function countedStatus(r: Rollout): DeploymentStatus {
  const { deployment, current } = r;
  const sets = allSets(r);
  const available = totalAvailable(sets);
  const counters = {
    observedGeneration: deployment.metadata.generation,
    replicas: sum(sets, (s) => s.status?.replicas),
    updatedReplicas: current?.status?.replicas,
    readyReplicas: sum(sets, (s) => s.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, total(sets) - available),
    collisionCount: deployment.status?.collisionCount,
  };
  const told = Object.fromEntries(Object.entries(counters).filter(([, v]) => v)) as DeploymentStatus;
  told.terminatingReplicas = sum(sets, (s) => s.status?.terminatingReplicas);
  told.conditions = deployment.status?.conditions;
  const isAvailable = available >= replicasOf(deployment) - maxUnavailable(deployment);
  const condition = isAvailable
    ? { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
  return withCondition(told, { type: 'Available', ...condition }, r.context.clock.now());
}

export function isComplete(r: Rollout, status: DeploymentStatus | undefined): boolean {
  const wanted = replicasOf(r.deployment);
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (r.deployment.metadata.generation ?? 0)
  );
}

/** Writes status and progress. Answers after how many ms the progress deadline has to be looked at. */
export async function syncRolloutStatus(r: Rollout): Promise<number | undefined> {
  let status = countedStatus(r);
  const nowMs = r.context.clock.now();
  if (!hasDeadline(r)) status = withoutCondition(status, 'Progressing');
  const wasComplete =
    status.replicas === status.updatedReplicas &&
    conditionOf(status, 'Progressing')?.reason === 'NewReplicaSetAvailable';
  if (hasDeadline(r) && !wasComplete) status = withProgress(r, status, nowMs);
  await writeStatus(r, withFailure(r, status, nowMs));
  return msUntilDeadline(r, nowMs);
}

// A deadline of MaxInt32 means none.
const hasDeadline = ({ deployment: { spec } }: Rollout): boolean =>
  spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds < 2_147_483_647;

function withProgress(r: Rollout, status: DeploymentStatus, nowMs: number): DeploymentStatus {
  const name = r.current ? `ReplicaSet "${r.current.metadata.name}"` : `Deployment "${r.deployment.metadata.name}"`;
  const told = (value: string, reason: string, how: string): ConditionText => ({
    type: 'Progressing',
    status: value,
    reason,
    message: `${name} ${how}`,
  });
  if (isComplete(r, status)) {
    return withCondition(status, told('True', 'NewReplicaSetAvailable', 'has successfully progressed.'), nowMs);
  }
  if (isProgressing(r.deployment.status, status)) {
    return replaced(status, told('True', 'ReplicaSetUpdated', 'is progressing.'), nowMs);
  }
  const known = conditionOf(r.deployment.status, 'Progressing');
  if (!isTimedOut(r, known, nowMs)) return status;
  return withCondition(status, told('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'), nowMs);
}

function isProgressing(old: DeploymentStatus | undefined, status: DeploymentStatus): boolean {
  const n = (v: number | undefined) => v ?? 0;
  return (
    n(status.updatedReplicas) > n(old?.updatedReplicas) ||
    n(status.replicas) - n(status.updatedReplicas) < n(old?.replicas) - n(old?.updatedReplicas) ||
    n(status.readyReplicas) > n(old?.readyReplicas) ||
    n(status.availableReplicas) > n(old?.availableReplicas)
  );
}

function isTimedOut(r: Rollout, known: DeploymentCondition | undefined, nowMs: number): boolean {
  if (!known || known.reason === 'NewReplicaSetAvailable') return false;
  if (known.reason === 'ProgressDeadlineExceeded') return true;
  return Date.parse(known.lastUpdateTime ?? '') + (r.deployment.spec.progressDeadlineSeconds ?? 0) * 1000 < nowMs;
}

/** Passes on what the sets say of failed creations, the current one's word first. */
function withFailure(r: Rollout, status: DeploymentStatus, nowMs: number): DeploymentStatus {
  const sets = [...(r.current ? [r.current] : []), ...r.old];
  const failure = sets.flatMap((s) => s.status?.conditions ?? []).find((c) => c.type === 'ReplicaFailure');
  if (!failure) return withoutCondition(status, 'ReplicaFailure');
  const { reason = '', message = '' } = failure;
  return withCondition(status, { type: 'ReplicaFailure', status: failure.status, reason, message }, nowMs);
}

function msUntilDeadline(r: Rollout, nowMs: number): number | undefined {
  const { status, spec } = r.deployment;
  const known = conditionOf(status, 'Progressing');
  if (!known || !hasDeadline(r) || isComplete(r, status) || r.deployment.spec.paused) return undefined;
  if (known.reason === 'ProgressDeadlineExceeded' || known.reason === 'NewReplicaSetAvailable') return undefined;
  const dueMs = Date.parse(known.lastUpdateTime ?? '') + (spec.progressDeadlineSeconds ?? 0) * 1000;
  return Math.max(0, dueMs - nowMs) + 1000;
}
