import { persistentvolumeclaims, persistentvolumes } from '../../api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { csiSourceOf } from '../../api/storage/in-tree.ts';
import type { Client } from '../../client/client.ts';
import { type ControllerContext, defineController, done, watch } from '../runtime.ts';
import { annotationNames } from '../../placement/volumes/volume-matching.ts';

type Phase = 'Available' | 'Bound' | 'Released' | 'Failed';

/** What the phase of a volume should be; undefined: the binder has not finished with it. */
export function phaseOf(
  { spec, status }: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
): Phase | undefined {
  const { claimRef } = spec;
  // A volume reserved by name alone waits for its claim.
  if (!claimRef?.uid) return 'Available';
  if (claim?.metadata.uid !== claimRef.uid) return status?.phase === 'Failed' ? 'Failed' : 'Released';
  return claim.spec.volumeName ? 'Bound' : undefined;
}

/** Says of each volume whether it is available, bound or released, and what becomes of it then. */
export const persistentVolumePhase = defineController({
  name: 'persistentvolume.phase',
  serviceAccount: 'persistent-volume-binder',
  eventSource: 'persistentvolume-controller',
  setup(context) {
    const volumes = context.informer(persistentvolumes);
    const claims = context.informer(persistentvolumeclaims);
    volumes.addIndex('claim', ({ spec }) =>
      spec.claimRef ? [`${spec.claimRef.namespace}/${spec.claimRef.name}`] : [],
    );
    return {
      watches: [
        watch(volumes, (v) => [v.metadata.name]),
        watch(claims, ({ metadata }) =>
          volumes.index('claim', `${metadata.namespace}/${metadata.name}`).map((v) => v.metadata.name),
        ),
      ],
      async reconcile(key, client) {
        const volume = volumes.get(key);
        if (!volume) return done;
        if (isToTell(volume)) {
          await tellDriver(client, volume);
          return done;
        }
        const { claimRef } = volume.spec;
        const known = claimRef && claims.get({ namespace: claimRef.namespace, name: claimRef.name ?? '' });
        // The cache may be behind, and a volume that is released loses its data.
        const claim = known ?? (claimRef?.uid ? await liveClaim(client, claimRef) : undefined);
        const phase = phaseOf(volume, claim);
        if (phase && phase !== volume.status?.phase) await setPhase(client, volume, { phase });
        if (phase === 'Released') await reclaim(context, client, volume);
        return done;
      },
    };
  },
});

/** A volume of a plugin that once was in Kubernetes itself: its driver's provisioner goes by this when it is deleted. */
const isToTell = (volume: PersistentVolume): boolean => {
  const driver = volume.spec.csi ? undefined : csiSourceOf(volume)?.driver;
  return driver !== undefined && volume.metadata.annotations?.[annotationNames.migratedTo] !== driver;
};

async function tellDriver(client: Client, volume: PersistentVolume): Promise<void> {
  const { metadata } = volume;
  const annotations = { ...metadata.annotations, [annotationNames.migratedTo]: csiSourceOf(volume)?.driver ?? '' };
  await client.update(persistentvolumes, { ...volume, metadata: { ...metadata, annotations } });
}

async function liveClaim(
  client: Client,
  { namespace, name = '' }: { namespace?: string; name?: string },
): Promise<PersistentVolumeClaim | undefined> {
  try {
    return await client.get(persistentvolumeclaims, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Retain: nothing. Delete: whoever made the volume deletes it. Nothing in here can delete or recycle one itself. */
async function reclaim({ recorder }: ControllerContext, client: Client, volume: PersistentVolume): Promise<void> {
  const { persistentVolumeReclaimPolicy: policy } = volume.spec;
  const about = { ...volume, kind: 'PersistentVolume', apiVersion: 'v1' };
  if (policy === 'Delete') {
    if (csiSourceOf(volume) || volume.metadata.annotations?.[annotationNames.provisionedBy]) return;
    const message = `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`;
    recorder.event(about, 'Warning', 'VolumeFailedDelete', message);
    await setPhase(client, volume, { phase: 'Failed', message });
  } else if (policy === 'Recycle') {
    const message = 'No recycler plugin found for the volume!';
    recorder.event(about, 'Warning', 'VolumeFailedRecycle', message);
    await setPhase(client, volume, { phase: 'Failed', message });
  }
}

async function setPhase(
  client: Client,
  volume: PersistentVolume,
  status: { phase: Phase; message?: string },
): Promise<void> {
  const live = await client.get(persistentvolumes, { name: volume.metadata.name });
  if (live.metadata.uid !== volume.metadata.uid || live.status?.phase === status.phase) return;
  await client.update(persistentvolumes, { ...live, status: { ...live.status, ...status } }, { subresource: 'status' });
}
