import type { Deployment, ReplicaSet } from '../../api/generated/types.ts';
import { annotationNames, byAge, isRolling, maxSurge, replicasOf, total } from './numbers.ts';
import { allSets, isActive, type Rollout, scaleTo } from './rollout-state.ts';

/** Whether somebody changed the wanted number since the sets were sized. */
export const isScalingEvent = (r: Rollout): boolean =>
  allSets(r)
    .filter(isActive)
    .some((set) => desiredOf(set) !== undefined && desiredOf(set) !== replicasOf(r.deployment));

const desiredOf = (set: ReplicaSet): number | undefined => numberIn(set, annotationNames.desired);

function numberIn(set: ReplicaSet, name: string): number | undefined {
  const value = Number.parseInt(set.metadata.annotations?.[name] ?? '', 10);
  return Number.isNaN(value) ? undefined : value;
}

/** Sizes the sets for the wanted number without rolling on: in the middle of a rollout each gets its share. */
export async function scaleDeployment(r: Rollout): Promise<void> {
  const only = onlyActiveOrLatest(r);
  if (only) {
    if (replicasOf(only) !== replicasOf(r.deployment)) await scaleTo(r, only, replicasOf(r.deployment));
    return;
  }
  if (isSaturated(r)) {
    for (const set of r.old.filter(isActive)) await scaleTo(r, set, 0);
  } else if (isRolling(r.deployment)) {
    await scaleProportionally(r);
  }
}

function onlyActiveOrLatest(r: Rollout): ReplicaSet | undefined {
  const active = allSets(r).filter(isActive);
  if (active.length > 1) return undefined;
  return active[0] ?? r.current ?? r.old.at(-1);
}

function isSaturated({ deployment, current }: Rollout): boolean {
  const wanted = replicasOf(deployment);
  if (!current) return false;
  return (
    replicasOf(current) === wanted &&
    desiredOf(current) === wanted &&
    (current.status?.availableReplicas ?? 0) === wanted
  );
}

async function scaleProportionally(r: Rollout): Promise<void> {
  const active = allSets(r).filter(isActive);
  const wanted = replicasOf(r.deployment);
  const allowed = wanted > 0 ? wanted + maxSurge(r.deployment) : 0;
  for (const [set, size] of shares(r.deployment, active, allowed - total(active))) await scaleTo(r, set, size);
}

/** The new sizes: by share, largest set first; the largest takes what rounding leaves. */
export function shares(d: Deployment, active: ReplicaSet[], toAdd: number): Map<ReplicaSet, number> {
  // Growing prefers newer sets of the same size, shrinking older ones.
  const sets = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const set of sets) {
    const share = toAdd === 0 ? 0 : proportion(d, set, toAdd - added);
    sizes.set(set, replicasOf(set) + share);
    added += share;
  }
  const largest = sets[0];
  if (largest && toAdd !== 0) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  return sizes;
}

function proportion(d: Deployment, set: ReplicaSet, left: number): number {
  if (replicasOf(set) === 0 || left === 0) return 0;
  const share = fraction(d, set);
  return left > 0 ? Math.min(share, left) : Math.max(share, left);
}

function fraction(d: Deployment, set: ReplicaSet): number {
  if (replicasOf(d) === 0) return -replicasOf(set);
  const before = numberIn(set, annotationNames.max) ?? d.status?.replicas ?? replicasOf(d);
  if (before === 0) return 0;
  return Math.round((replicasOf(set) * (replicasOf(d) + maxSurge(d))) / before) - replicasOf(set);
}
