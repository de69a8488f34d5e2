import { deployments, replicasets } from '../../api/generated/resources.ts';
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '../../api/generated/types.ts';
import { groupVersion } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { sameJson } from '../same-json.ts';
import type { ControllerContext } from '../runtime.ts';
import { annotationNames, maxSurge, replicasOf } from './numbers.ts';

/** One look at one deployment: what there is, and the writes, whose answers replace what was read. */
export interface Rollout {
  context: ControllerContext;
  client: Client;
  deployment: Deployment;
  /** The set of the current template, once it exists. */
  current: ReplicaSet | undefined;
  /** All others, oldest first. */
  old: ReplicaSet[];
  pods(): Pod[];
}

export const allSets = ({ current, old }: Rollout): ReplicaSet[] => (current ? [...old, current] : old);
export const isActive = (set: ReplicaSet): boolean => replicasOf(set) > 0;

export const aboutDeployment = ({ deployment }: Rollout) => ({
  ...deployment,
  kind: 'Deployment',
  apiVersion: groupVersion(deployments),
});

/** Writes size and size annotations of a set; true when its size changed. */
export async function scaleTo(r: Rollout, set: ReplicaSet, replicas: number): Promise<boolean> {
  const annotations = { ...set.metadata.annotations, ...sizeAnnotations(r.deployment) };
  const before = replicasOf(set);
  if (before === replicas && sameJson(annotations, set.metadata.annotations)) return false;
  const changed = { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } };
  replaceSet(r, await r.client.update(replicasets, changed));
  if (before === replicas) return false;
  const direction = replicas > before ? 'up' : 'down';
  const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
  r.context.recorder.event(aboutDeployment(r), 'Normal', 'ScalingReplicaSet', message);
  return true;
}

export const sizeAnnotations = (d: Deployment) => ({
  [annotationNames.desired]: String(replicasOf(d)),
  [annotationNames.max]: String(replicasOf(d) + maxSurge(d)),
});

export function replaceSet(r: Rollout, set: ReplicaSet): void {
  if (r.current?.metadata.uid === set.metadata.uid) r.current = set;
  else r.old = r.old.map((o) => (o.metadata.uid === set.metadata.uid ? set : o));
}

/** Writes the status (and the annotations beside it) when it differs. */
export async function writeStatus(r: Rollout, status: DeploymentStatus): Promise<void> {
  if (sameJson(status, r.deployment.status)) return;
  r.deployment = await r.client.update(deployments, { ...r.deployment, status }, { subresource: 'status' });
}
