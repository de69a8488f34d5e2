import { deployments, replicasets } from '../../api/generated/resources.ts';
import type { ReplicaSet } from '../../api/generated/types.ts';
import { isAlreadyExists } from '../../api/meta/status-error.ts';
import type { Manifest } from '../../api/resource.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { controllerOf, controllerReference } from '../ownership.ts';
import { sameJson } from '../same-json.ts';
import { type ConditionText, conditionOf, withCondition } from './conditions.ts';
import { annotationNames, newSetReplicas, revisionOf } from './numbers.ts';
import { aboutDeployment, allSets, type Rollout, replaceSet, sizeAnnotations, writeStatus } from './rollout-state.ts';
import { hashLabel, isSameTemplate, templateHash, withoutHash } from '../template-hash.ts';

/** Annotations that belong to the deployment alone. */
const notCopied = new Set<string>([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  ...Object.values(annotationNames),
]);

/** Finds the set of the current template and brings its revision and annotations up to date; makes it when asked. */
export async function ensureCurrentSet(r: Rollout, { create }: { create: boolean }): Promise<void> {
  const revision = Math.max(0, ...r.old.map(revisionOf)) + 1;
  if (r.current) {
    await updateCurrent(r, r.current, revision);
    await noteRevision(r, String(revisionOf(r.current)), 'FoundNewReplicaSet', 'Found new replica set');
  } else if (create) {
    if (await makeCurrent(r, revision)) {
      await noteRevision(r, String(revision), 'NewReplicaSetCreated', 'Created new replica set');
    }
  }
}

async function updateCurrent(r: Rollout, set: ReplicaSet, revision: number): Promise<void> {
  const annotations = { ...set.metadata.annotations, ...copiedAnnotations(r) };
  const known = revisionOf(set);
  if (known < revision) {
    const history = set.metadata.annotations?.[annotationNames.revisionHistory];
    if (known > 0) annotations[annotationNames.revisionHistory] = history ? `${history},${known}` : String(known);
    annotations[annotationNames.revision] = String(revision);
  }
  const { minReadySeconds } = r.deployment.spec;
  const isSettled =
    sameJson(annotations, set.metadata.annotations) && (set.spec.minReadySeconds ?? 0) === (minReadySeconds ?? 0);
  if (isSettled) return;
  const changed = { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, minReadySeconds } };
  replaceSet(r, await r.client.update(replicasets, changed));
}

/** False when there is none yet: the name was taken, and the next look tries another. */
async function makeCurrent(r: Rollout, revision: number): Promise<boolean> {
  const manifest = manifestOf(r, revision);
  try {
    r.current = await r.client.create(replicasets, manifest);
  } catch (error) {
    if (isNamespaceGoing(error)) return false;
    if (isAlreadyExists(error)) return adoptOrCollide(r, manifest.metadata.name ?? '', error);
    const message = `Failed to create new replica set "${manifest.metadata.name}": ${(error as Error).message}`;
    r.context.recorder.event(aboutDeployment(r), 'Warning', 'ReplicaSetCreateError', message);
    await writeProgress(r, { status: 'False', reason: 'ReplicaSetCreateError', message: (error as Error).message });
    throw error;
  }
  const size = r.current.spec.replicas ?? 0;
  if (size > 0) {
    const message = `Scaled up replica set ${r.current.metadata.name} from 0 to ${size}`;
    r.context.recorder.event(aboutDeployment(r), 'Normal', 'ScalingReplicaSet', message);
  }
  return true;
}

async function adoptOrCollide(r: Rollout, name: string, error: unknown): Promise<boolean> {
  const { namespace, uid } = r.deployment.metadata;
  const other = await r.client.get(replicasets, { namespace, name });
  if (controllerOf(other)?.uid === uid && isSameTemplate(other.spec.template, r.deployment.spec.template)) {
    r.current = other;
    return true;
  }
  const collisionCount = (r.deployment.status?.collisionCount ?? 0) + 1;
  await writeStatus(r, { ...r.deployment.status, collisionCount });
  throw error;
}

function manifestOf(r: Rollout, revision: number): Manifest<ReplicaSet> {
  const { metadata, spec, status } = r.deployment;
  const hash = templateHash(withoutHash(spec.template), status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  return {
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace,
      labels,
      annotations: {
        ...copiedAnnotations(r),
        ...sizeAnnotations(r.deployment),
        [annotationNames.revision]: String(revision),
      },
      ownerReferences: [controllerReference(deployments, r.deployment)],
    },
    spec: {
      replicas: newSetReplicas(r.deployment, allSets(r), 0),
      minReadySeconds: spec.minReadySeconds,
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  } as Manifest<ReplicaSet>;
}

const copiedAnnotations = (r: Rollout): Record<string, string> =>
  Object.fromEntries(Object.entries(r.deployment.metadata.annotations ?? {}).filter(([k]) => !notCopied.has(k)));

/** The deployment carries the revision of its current set, and says once how it came to it. */
async function noteRevision(r: Rollout, revision: string, reason: string, said: string): Promise<void> {
  const { metadata, spec, status } = r.deployment;
  const needsCondition = spec.progressDeadlineSeconds !== undefined && !conditionOf(status, 'Progressing');
  const isNoted = metadata.annotations?.[annotationNames.revision] === revision;
  const isMade = reason === 'NewReplicaSetCreated';
  if (isNoted && !needsCondition && !isMade) return;
  const text = { type: 'Progressing', status: 'True', reason, message: `${said} "${r.current?.metadata.name}"` };
  const wantsCondition = needsCondition || (isMade && spec.progressDeadlineSeconds !== undefined);
  const annotations = { ...metadata.annotations, [annotationNames.revision]: revision };
  const next = wantsCondition ? withCondition(status ?? {}, text, r.context.clock.now()) : (status ?? {});
  const changed = { ...r.deployment, metadata: { ...metadata, annotations }, status: next };
  r.deployment = await r.client.update(deployments, changed, { subresource: 'status' });
}

export async function writeProgress(r: Rollout, text: Omit<ConditionText, 'type'>): Promise<void> {
  if (r.deployment.spec.progressDeadlineSeconds === undefined) return;
  await writeStatus(
    r,
    withCondition(r.deployment.status ?? {}, { type: 'Progressing', ...text }, r.context.clock.now()),
  );
}
