import { maxUnavailable, newSetReplicas, replicasOf, total, totalAvailable } from './numbers.ts';
import { allSets, type Rollout, scaleTo } from './rollout-state.ts';

/** One step of a rolling update: first the current set up, else the old ones down. True when a size changed. */
export async function stepRolling(r: Rollout): Promise<boolean> {
  return (await growCurrent(r)) || (await shrinkOld(r));
}

async function growCurrent(r: Rollout): Promise<boolean> {
  const { current, deployment } = r;
  if (!current) return false;
  const size = replicasOf(current);
  const wanted = replicasOf(deployment);
  if (size === wanted) return false;
  return scaleTo(r, current, size > wanted ? wanted : newSetReplicas(deployment, allSets(r), size));
}

async function shrinkOld(r: Rollout): Promise<boolean> {
  if (total(r.old) === 0) return false;
  const minAvailable = replicasOf(r.deployment) - maxUnavailable(r.deployment);
  const notYet = r.current ? replicasOf(r.current) - (r.current.status?.availableReplicas ?? 0) : 0;
  const spare = total(allSets(r)) - minAvailable - notYet;
  if (spare <= 0) return false;
  const unhealthy = await dropUnhealthy(r, spare);
  const healthy = await dropHealthy(r, totalAvailable(allSets(r)) - minAvailable);
  return unhealthy || healthy;
}

/** Pods that serve nobody go first: taking them costs no availability. */
async function dropUnhealthy(r: Rollout, limit: number): Promise<boolean> {
  let left = limit;
  for (const set of r.old) {
    const unhealthy = replicasOf(set) - (set.status?.availableReplicas ?? 0);
    const count = Math.min(left, unhealthy);
    if (count <= 0) continue;
    await scaleTo(r, set, replicasOf(set) - count);
    left -= count;
  }
  return left < limit;
}

async function dropHealthy(r: Rollout, limit: number): Promise<boolean> {
  let left = limit;
  for (const set of r.old) {
    const count = Math.min(left, replicasOf(set));
    if (count <= 0) continue;
    await scaleTo(r, set, replicasOf(set) - count);
    left -= count;
  }
  return left < limit;
}
