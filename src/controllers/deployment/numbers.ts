import type { Deployment, ReplicaSet } from '../../api/generated/types.ts';
import { resolveShare } from '../int-or-percent.ts';

export const annotationNames = {
  revision: 'deployment.kubernetes.io/revision',
  revisionHistory: 'deployment.kubernetes.io/revision-history',
  desired: 'deployment.kubernetes.io/desired-replicas',
  max: 'deployment.kubernetes.io/max-replicas',
} as const;

export const replicasOf = (o: Deployment | ReplicaSet): number => o.spec.replicas ?? 1;
export const total = (sets: ReplicaSet[]): number => sets.reduce((sum, set) => sum + replicasOf(set), 0);
export const totalAvailable = (sets: ReplicaSet[]): number =>
  sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);

export const isRolling = (d: Deployment): boolean => d.spec.strategy?.type !== 'Recreate';
export const revisionOf = (set: ReplicaSet): number =>
  Number.parseInt(set.metadata.annotations?.[annotationNames.revision] ?? '0', 10) || 0;

/** How many pods may be over and under the wanted number. Surge rounds up, unavailable down; both zero would stand still. */
export function fenceposts(d: Deployment): { surge: number; unavailable: number } {
  const { maxSurge, maxUnavailable } = d.spec.strategy?.rollingUpdate ?? {};
  const surge = resolveShare(maxSurge, replicasOf(d), Math.ceil);
  const unavailable = resolveShare(maxUnavailable, replicasOf(d), Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export const maxSurge = (d: Deployment): number => (isRolling(d) ? fenceposts(d).surge : 0);

export function maxUnavailable(d: Deployment): number {
  if (!isRolling(d) || replicasOf(d) === 0) return 0;
  return Math.min(fenceposts(d).unavailable, replicasOf(d));
}

/** How large the set of the current template may be now, without more pods than allowed. */
export function newSetReplicas(d: Deployment, sets: ReplicaSet[], current: number): number {
  if (!isRolling(d)) return replicasOf(d);
  const room = replicasOf(d) + maxSurge(d) - total(sets);
  return room <= 0 ? current : current + Math.min(room, replicasOf(d) - current);
}

export const byAge = (a: ReplicaSet, b: ReplicaSet): number => {
  const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
};
