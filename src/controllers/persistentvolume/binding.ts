import { persistentvolumeclaims, persistentvolumes, pods, storageclasses } from '../../api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText, type Resource } from '../../api/resource.ts';
import { driverOfProvisioner } from '../../api/storage/in-tree.ts';
import type { Client } from '../../client/client.ts';
import type { EventType } from '../../client/event-recorder.ts';
import { claimNamesOf } from '../../placement/volumes/claim-names.ts';
import { type ControllerContext, defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import {
  annotationNames,
  bestVolume,
  classOf,
  isReservedFor,
  mismatch,
} from '../../placement/volumes/volume-matching.ts';

interface Caches {
  volumes(): PersistentVolume[];
  volume(name: string): PersistentVolume | undefined;
  storageClass(name: string): StorageClass | undefined;
  /** The pods that use a claim. */
  usersOf(claim: PersistentVolumeClaim): Pod[];
}

interface Work extends Caches {
  context: ControllerContext;
  client: Client;
  claim: PersistentVolumeClaim;
}

/** Gives claims a volume: one that is there, or one that a provisioner is asked for. Keys are claims. */
export const persistentVolumeBinding = defineController({
  name: 'persistentvolume.binding',
  serviceAccount: 'persistent-volume-binder',
  eventSource: 'persistentvolume-controller',
  // One at a time: two claims must not get the same volume.
  workers: 1,
  setup(context) {
    const claims = context.informer(persistentvolumeclaims);
    const volumes = context.informer(persistentvolumes);
    const classes = context.informer(storageclasses);
    const allPods = context.informer(pods);
    const isUnbound = (c: PersistentVolumeClaim) => c.status?.phase !== 'Bound';
    const keysOfVolume = ({ spec }: PersistentVolume): string[] =>
      spec.claimRef
        ? [keyText({ namespace: spec.claimRef.namespace, name: spec.claimRef.name ?? '' })]
        : claims
            .list()
            .filter(isUnbound)
            .map((c) => keyText(keyOf(c)));
    const caches: Caches = {
      volumes: () => volumes.list(),
      volume: (name) => volumes.get(name),
      storageClass: (name) => classes.get(name),
      usersOf: ({ metadata }) =>
        allPods.list(metadata.namespace).filter((pod) => claimNamesOf(pod).includes(metadata.name)),
    };
    return {
      watches: [
        watch(claims, (c) => [keyText(keyOf(c))]),
        watch(volumes, keysOfVolume),
        watch(classes, (sc) =>
          claims
            .list()
            .filter((c) => isUnbound(c) && classOf(c) === sc.metadata.name)
            .map((c) => keyText(keyOf(c))),
        ),
      ],
      async reconcile(key, client) {
        const claim = claims.get(key);
        if (!claim) return done;
        const w: Work = { ...caches, context, client, claim };
        await (claim.metadata.annotations?.[annotationNames.bindCompleted] ? keepBound(w) : findVolume(w));
        return done;
      },
    };
  },
});

function say({ context, claim }: Work, type: EventType, reason: string, message: string): void {
  context.recorder.event({ ...claim, kind: 'PersistentVolumeClaim', apiVersion: 'v1' }, type, reason, message);
}

/** A claim that was bound once stays so, or is lost. */
async function keepBound(w: Work): Promise<void> {
  const { claim } = w;
  const volume = w.volume(claim.spec.volumeName ?? '');
  if (volume && (!volume.spec.claimRef || isReservedFor(volume.spec.claimRef, claim))) return bind(w, volume);
  const isNews = claim.status?.phase !== 'Lost';
  await setPhase(w, 'Lost');
  if (!isNews) return;
  if (!volume) {
    say(w, 'Warning', 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  } else {
    const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
    say(w, 'Warning', 'ClaimMisbound', message);
  }
}

async function findVolume(w: Work): Promise<void> {
  const { claim } = w;
  if (claim.metadata.deletionTimestamp) return;
  const wanted = claim.spec.volumeName;
  if (wanted) {
    const volume = w.volume(wanted);
    if (volume?.spec.claimRef && !isReservedFor(volume.spec.claimRef, claim)) {
      say(w, 'Warning', 'FailedBinding', `volume "${wanted}" already bound to a different claim.`);
      return setPhase(w, 'Pending');
    }
    const problem = volume && mismatch(volume, claim);
    if (problem) say(w, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume "${wanted}": ${problem}`);
    return volume && !problem ? bind(w, volume) : setPhase(w, 'Pending');
  }
  const storageClass = w.storageClass(classOf(claim));
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const isPlaced = claim.metadata.annotations?.[annotationNames.selectedNode] !== undefined;
  // The scheduler chooses among volumes itself, by reserving one for the claim.
  const offered = waits ? w.volumes().filter((v) => isReservedFor(v.spec.claimRef, claim)) : w.volumes();
  const volume = bestVolume(claim, offered);
  if (volume) return bind(w, volume);
  if (waits && !isPlaced) sayWaiting(w);
  else await askProvisioner(w, storageClass);
  await setPhase(w, 'Pending');
}

function sayWaiting(w: Work): void {
  const names = w
    .usersOf(w.claim)
    .filter((pod) => !pod.spec.nodeName && !pod.metadata.deletionTimestamp)
    .map((pod) => pod.metadata.name);
  if (names.length === 0) {
    say(w, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  } else {
    const which = names.length === 1 ? `pod ${names[0]}` : `pod(s) ${names.sort().join(',')}`;
    say(w, 'Normal', 'WaitForPodScheduled', `waiting for ${which} to be scheduled`);
  }
}

/** Nothing is provisioned in here: the annotation tells a CSI driver's provisioner that it is its turn. */
async function askProvisioner(w: Work, storageClass: StorageClass | undefined): Promise<void> {
  const { claim, client } = w;
  const name = classOf(claim);
  if (name === '') {
    say(w, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
    return;
  }
  if (!storageClass) {
    say(w, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`);
    return;
  }
  const provisioner = driverOfProvisioner(storageClass.provisioner);
  if (provisioner === 'kubernetes.io/no-provisioner') return;
  const { annotations } = claim.metadata;
  if (annotations?.[annotationNames.provisioner] !== provisioner) {
    const told = { [annotationNames.provisioner]: provisioner, [annotationNames.olderProvisioner]: provisioner };
    w.claim = await client.update(persistentvolumeclaims, {
      ...claim,
      metadata: { ...claim.metadata, annotations: { ...annotations, ...told } },
    });
  }
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  say(w, 'Normal', 'ExternalProvisioning', message);
}

/** In this order, so that a crash in between leaves nothing that the next look would not complete. */
async function bind(w: Work, volume: PersistentVolume): Promise<void> {
  const { claim, client } = w;
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  let bound = volume;
  if (volume.spec.claimRef?.uid !== uid) {
    const isOurs = !volume.spec.claimRef;
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
    const metadata = isOurs ? marked(volume.metadata, annotationNames.boundByController) : volume.metadata;
    bound = await client.update(persistentvolumes, { ...volume, metadata, spec: { ...volume.spec, claimRef } });
  }
  if (bound.status?.phase !== 'Bound')
    await writeStatus(client, persistentvolumes, { ...bound, status: { ...bound.status, phase: 'Bound' } });
  const byUs = claim.spec.volumeName ? claim.metadata : marked(claim.metadata, annotationNames.boundByController);
  const metadata = marked(byUs, annotationNames.bindCompleted);
  const changed = { ...claim, metadata, spec: { ...claim.spec, volumeName: volume.metadata.name } };
  if (!sameJson(changed.metadata.annotations, claim.metadata.annotations) || claim.spec.volumeName === undefined) {
    w.claim = await client.update(persistentvolumeclaims, changed);
  }
  const { accessModes, capacity } = volume.spec;
  const known = w.claim.status;
  // What a claim has grown to is not told again by the volume.
  const status =
    known?.phase === 'Bound'
      ? known
      : { ...known, phase: 'Bound' as const, accessModes, capacity: { storage: capacity?.storage ?? '0' } };
  if (!sameJson(status, known)) await writeStatus(client, persistentvolumeclaims, { ...w.claim, status });
}

const marked = <M extends { annotations?: Record<string, string> }>(metadata: M, name: string): M => ({
  ...metadata,
  annotations: { ...metadata.annotations, [name]: 'yes' },
});

async function setPhase(w: Work, phase: 'Pending' | 'Lost'): Promise<void> {
  const { claim } = w;
  if (claim.status?.phase === phase) return;
  await writeStatus(w.client, persistentvolumeclaims, { ...claim, status: { ...claim.status, phase } });
}

async function writeStatus<T extends PersistentVolume | PersistentVolumeClaim>(
  client: Client,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  try {
    await client.update(resource, object, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
