import { nodes, persistentvolumeclaims, persistentvolumes, storageclasses } from '../../api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/generated/types.ts';
import { isAlreadyExists } from '../../api/meta/status-error.ts';
import { compareQuantity } from '../../api/meta/quantity.ts';
import { keyOf, keyText, type Manifest } from '../../api/resource.ts';
import {
  isLocalPath,
  localPathDriver,
  localPathFinalizer,
  localPathNodeLabel,
  localPathRefusal,
} from '../../api/storage/local-path.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder, EventType } from '../../client/event-recorder.ts';
import type { Informer } from '../../client/informer.ts';
import { annotationNames, classOf, requestOf, storageOf } from '../../placement/volumes/volume-matching.ts';
import { defineController, done, type Result, watch } from '../runtime.ts';

interface Work {
  client: Client;
  recorder: EventRecorder;
  claim: PersistentVolumeClaim;
  volumes: Informer<PersistentVolume>;
}

/**
 * The provisioner of the built-in storage: gives a claim whose first pod has a node a volume there, and lets volumes grow.
 * The folder itself is made by the node, when it mounts the volume.
 */
export const persistentVolumeClaimLocalPath = defineController({
  name: 'persistentvolumeclaim.local-path',
  serviceAccount: 'local-path-provisioner',
  setup({ informer, recorder }) {
    const claims = informer(persistentvolumeclaims);
    const volumes = informer(persistentvolumes);
    const classes = informer(storageclasses);
    const allNodes = informer(nodes);
    return {
      watches: [watch(claims, (claim) => [keyText(keyOf(claim))])],
      async reconcile(key, client): Promise<Result> {
        const claim = claims.get(key);
        if (!claim || claim.metadata.deletionTimestamp) return done;
        const work: Work = { client, recorder, claim, volumes };
        if (claim.spec.volumeName) {
          await grow(work);
          return done;
        }
        const storageClass = classes.get(classOf(claim));
        const isOurs = claim.metadata.annotations?.[annotationNames.provisioner] === localPathDriver;
        if (!isOurs || storageClass?.provisioner !== localPathDriver) return done;
        const node = claim.metadata.annotations?.[annotationNames.selectedNode];
        if (node && !allNodes.get(node)) await askAgain(work);
        else await provision(work, storageClass, node);
        return done;
      },
    };
  },
});

async function provision(w: Work, storageClass: StorageClass, node: string | undefined): Promise<void> {
  const refusal = localPathRefusal(w.claim, node);
  if (refusal || !node) {
    const message = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${refusal}`;
    return say(w, 'Warning', 'ProvisioningFailed', message);
  }
  const volume = volumeFor(w.claim, storageClass, node);
  if (w.volumes.get(volume.metadata.name ?? '')) return;
  try {
    await w.client.create(persistentvolumes, volume);
  } catch (error) {
    if (isAlreadyExists(error)) return;
    throw error;
  }
  say(w, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata.name}`);
}

/** The node is gone: the scheduler chooses another one. */
async function askAgain({ client, claim }: Work): Promise<void> {
  const { [annotationNames.selectedNode]: _, ...annotations } = claim.metadata.annotations ?? {};
  await client.update(persistentvolumeclaims, { ...claim, metadata: { ...claim.metadata, annotations } });
}

function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass, node: string): Manifest<PersistentVolume> {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  const volume = `pvc-${uid}`;
  const here = { key: 'kubernetes.io/hostname', operator: 'In' as const, values: [node] };
  return {
    metadata: {
      name: volume,
      labels: { [localPathNodeLabel]: node },
      annotations: { [annotationNames.provisionedBy]: localPathDriver },
      finalizers: [localPathFinalizer],
    },
    spec: {
      accessModes: claim.spec.accessModes,
      capacity: { storage: claim.spec.resources?.requests?.['storage'] ?? '0' },
      claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion },
      csi: { driver: localPathDriver, volumeHandle: volume },
      mountOptions: storageClass.mountOptions,
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
    },
  };
}

/** A folder takes what it is given: growing is a matter of what is said of it. */
async function grow(w: Work): Promise<void> {
  const { claim, client } = w;
  const volume = w.volumes.get(claim.spec.volumeName ?? '');
  if (!volume || !isLocalPath(volume) || claim.status?.phase !== 'Bound') return;
  const storage = claim.spec.resources?.requests?.['storage'] ?? '0';
  if (compareQuantity(requestOf(claim), storageOf(volume.spec.capacity)) > 0) {
    const capacity = { ...volume.spec.capacity, storage };
    await client.update(persistentvolumes, { ...volume, spec: { ...volume.spec, capacity } });
  }
  if (compareQuantity(requestOf(claim), storageOf(claim.status.capacity)) <= 0) return;
  const capacity = { ...claim.status.capacity, storage };
  await client.update(
    persistentvolumeclaims,
    { ...claim, status: { ...claim.status, capacity } },
    { subresource: 'status' },
  );
  say(w, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
}

function say({ recorder, claim }: Work, type: EventType, ...[reason, message]: [string, string]): void {
  recorder.event({ ...claim, kind: 'PersistentVolumeClaim', apiVersion: 'v1' }, type, reason, message);
}
