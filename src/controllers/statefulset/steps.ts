import { persistentvolumeclaims, pods } from '../../api/generated/resources.ts';
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../../api/meta/status-error.ts';
import { type KubeObject, keyOf } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { Informer } from '../../client/informer.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { templateOf } from '../revisions.ts';
import { claimOwners, isGoingWithOlderPod, isManagedByOther } from './claim-owners.ts';
import { claimsOf, ordinalOf, podName, podOf, withIdentity } from './identity.ts';
import type { Step } from './plan.ts';

/** What steps are done with. */
export interface Hands {
  client: Client;
  claims: Informer<PersistentVolumeClaim>;
  recorder: EventRecorder;
  set: StatefulSet;
  /** The set, as events name it. */
  about: KubeObject;
}

export async function carryOut(hands: Hands, steps: Step[], revisions: ControllerRevision[]): Promise<void> {
  const results = await Promise.allSettled(steps.map((step) => carryOutOne(hands, step, revisions)));
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
}

async function carryOutOne(hands: Hands, step: Step, revisions: ControllerRevision[]): Promise<void> {
  switch (step.do) {
    case 'create':
      return createPod(
        hands,
        step.ordinal,
        revisions.find((r) => r.metadata.name === step.revision),
      );
    case 'delete':
      return deletePod(hands, step.pod);
    case 'identify':
      return identify(hands, step.pod);
    case 'ensureClaims':
      await ensureClaims(hands, step.ordinal);
  }
}

async function createPod(hands: Hands, ordinal: number, revision: ControllerRevision | undefined): Promise<void> {
  const { client, set } = hands;
  const name = podName(set, ordinal);
  const known = claimsOf(set, ordinal).map((c) => hands.claims.get({ ...c.metadata, name: c.metadata.name ?? '' }));
  if (known.some((c) => c && isGoingWithOlderPod(c, name, undefined))) return;
  const template = revision ? templateOf(revision) : set.spec.template;
  const manifest = podOf(set, ordinal, { template, revision: revision?.metadata.name ?? '' });
  await told(hands, { verb: 'create', pod: name }, async () => {
    const made = await ensureClaims(hands, ordinal);
    const pod = await client.create(pods, manifest);
    for (const one of made) await ownClaim(hands, one, pod);
  });
}

async function deletePod(hands: Hands, pod: Pod): Promise<void> {
  await told(hands, { verb: 'delete', pod: pod.metadata.name }, () =>
    hands.client.delete(pods, keyOf(pod), { preconditions: { uid: pod.metadata.uid } }),
  );
}

async function identify(hands: Hands, pod: Pod): Promise<void> {
  await told(hands, { verb: 'update', pod: pod.metadata.name }, async () => {
    await ensureClaims(hands, ordinalOf(pod));
    await hands.client.update(pods, withIdentity(hands.set, pod));
  });
}

/** Makes the claims that are missing. Answers with those. */
async function ensureClaims(hands: Hands, ordinal: number): Promise<PersistentVolumeClaim[]> {
  const { client, claims, set, recorder, about } = hands;
  const made: PersistentVolumeClaim[] = [];
  for (const manifest of claimsOf(set, ordinal)) {
    const { namespace, name = '' } = manifest.metadata;
    const known = claims.get({ namespace, name });
    if (known?.metadata.deletionTimestamp) throw new Error(`pvc ${name} is being deleted`);
    if (known) continue;
    const what = `Claim ${name} Pod ${podName(set, ordinal)} in StatefulSet ${set.metadata.name}`;
    try {
      made.push(await client.create(persistentvolumeclaims, manifest));
      recorder.event(about, 'Normal', 'SuccessfulCreate', `create ${what} success`);
    } catch (error) {
      if (isAlreadyExists(error)) continue;
      const why = (error as Error).message;
      recorder.event(about, 'Warning', 'FailedCreate', `create ${what} failed error: ${why}`);
      throw error;
    }
  }
  return made;
}

/** Brings the owners of a pod's claims to what the retention policy says. */
export async function followRetention(hands: Hands, pod: Pod): Promise<void> {
  for (const { metadata } of claimsOf(hands.set, ordinalOf(pod))) {
    const known = hands.claims.get({ ...metadata, name: metadata.name ?? '' });
    if (known && !known.metadata.deletionTimestamp) await ownClaim(hands, known, pod);
  }
}

async function ownClaim(
  { client, set, recorder, about }: Hands,
  known: PersistentVolumeClaim,
  pod: Pod,
): Promise<void> {
  if (isManagedByOther(known, set, pod.metadata.name)) {
    const message = `PersistentVolumeClaim ${known.metadata.name} has a conflicting OwnerReference that acts as a managing controller, the retention policy is ignored for this claim`;
    recorder.event(about, 'Warning', 'ConflictingController', message);
    return;
  }
  const ownerReferences = claimOwners(known, set, pod);
  if (!ownerReferences) return;
  await client.update(persistentvolumeclaims, { ...known, metadata: { ...known.metadata, ownerReferences } });
}

/** Does it and says so. A namespace that is going takes everything along: no reason to complain. */
async function told(
  { set, recorder, about }: Hands,
  { verb, pod }: { verb: 'create' | 'update' | 'delete'; pod: string },
  work: () => Promise<unknown>,
): Promise<void> {
  const what = `${verb} Pod ${pod} in StatefulSet ${set.metadata.name}`;
  const title = { create: 'Create', update: 'Update', delete: 'Delete' }[verb];
  try {
    await work();
    recorder.event(about, 'Normal', `Successful${title}`, `${what} successful`);
  } catch (error) {
    if ((verb === 'delete' && isNotFound(error)) || (verb === 'create' && isNamespaceGoing(error))) return;
    if (!isAlreadyExists(error)) {
      recorder.event(about, 'Warning', `Failed${title}`, `${what} failed error: ${(error as Error).message}`);
    }
    throw error;
  }
}
