import { chmod, mkdir, stat } from 'node:fs/promises';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { csiSourceOf } from '../../api/storage/in-tree.ts';
import { isLocalPath, localPathNodeLabel } from '../../api/storage/local-path.ts';
import { ephemeralClaimName } from '../../placement/volumes/claim-names.ts';
import { mountOfVolume } from '../csi/csi-mount.ts';
import { hostPath } from './host-path.ts';
import { giveToGroup } from './ownership.ts';
import { isUsedAs } from './usage.ts';
import { MountError, type VolumeDeps, type VolumeInput, type VolumeKind } from './volume.ts';

/** What a persistent volume is made of; answers the path on the node. */
type Source = (input: ClaimInput, volume: PersistentVolume, deps: VolumeDeps) => Promise<string>;

interface ClaimInput extends VolumeInput {
  claim: PersistentVolumeClaim;
}

/** A volume that is there for longer than the pod, by way of a claim: the pod's own (ephemeral) or one that others share. */
export const claim: VolumeKind = {
  name: 'persistentVolumeClaim',
  handles: (volume) => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined,
  async prepare(input, deps) {
    const found = await claimOf(input, deps);
    const volume = await volumeOf(found, deps);
    checkVolumeMode(input, volume);
    return sourceOf(volume)({ ...input, claim: found }, volume, deps);
  },
  refreshAtMs: ({ pod, volume }, { csi }) => csi.refreshAtMs(pod.metadata.uid ?? '', volume.name),
};

async function claimOf({ pod, volume, isReady }: VolumeInput, { claims }: VolumeDeps): Promise<PersistentVolumeClaim> {
  const namespace = pod.metadata.namespace ?? '';
  const name = volume.persistentVolumeClaim?.claimName ?? ephemeralClaimName(pod, volume.name);
  const found = await claims.claim(namespace, name);
  if (!found) throw new Error(`error processing PVC ${namespace}/${name}: persistentvolumeclaim "${name}" not found`);
  const isOwn = found.metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === pod.metadata.uid);
  if (volume.ephemeral && !isOwn)
    throw new Error(
      `PVC "${namespace}/${name}" was not created for pod "${namespace}/${pod.metadata.name}" (pod is not owner)`,
    );
  // A pod that has it keeps it.
  if (found.metadata.deletionTimestamp && !isReady)
    throw new Error(`error processing PVC ${namespace}/${name}: PVC is being deleted`);
  if (found.status?.phase !== 'Bound' || !found.spec.volumeName)
    throw new Error(`error processing PVC ${namespace}/${name}: PVC is not bound`);
  return found;
}

async function volumeOf({ metadata, spec }: PersistentVolumeClaim, { claims }: VolumeDeps): Promise<PersistentVolume> {
  const name = spec.volumeName ?? '';
  const volume = await claims.volume(name);
  if (!volume) throw new Error(`failed to fetch PV "${name}" from API server: persistentvolume "${name}" not found`);
  if (volume.spec.claimRef?.uid !== metadata.uid)
    throw new Error(`PersistentVolume "${name}" is not bound to PVC ${metadata.namespace}/${metadata.name}`);
  return volume;
}

/** A device has no files, and files are no device. */
function checkVolumeMode({ pod, volume: { name } }: VolumeInput, { spec }: PersistentVolume): void {
  const mode = spec.volumeMode ?? 'Filesystem';
  const [isMounted, isDevice] = [isUsedAs(pod, name, 'volumeMounts'), isUsedAs(pod, name, 'volumeDevices')];
  const wrong =
    mode === 'Block' && isMounted ? 'volumeMounts' : mode === 'Filesystem' && isDevice ? 'volumeDevices' : '';
  if (wrong) throw new MountError(`volume ${name} has volumeMode ${mode}, but is specified in ${wrong}`);
}

function sourceOf(volume: PersistentVolume): Source {
  if (volume.spec.hostPath) return pathOfNode;
  if (volume.spec.local) return local;
  if (isLocalPath(volume)) return localPath;
  if (csiSourceOf(volume)) return ofDriver;
  throw new Error(`no volume plugin matched PersistentVolume "${volume.metadata.name}"`);
}

const pathOfNode: Source = (input, { spec }, deps) =>
  hostPath.prepare({ ...input, volume: { name: input.volume.name, hostPath: spec.hostPath } }, deps);

const ofDriver: Source = async ({ pod, volume: inPod, claim: bound, signal }, volume, { csi }) => {
  const readOnly = inPod.persistentVolumeClaim?.readOnly === true;
  const mount = mountOfVolume({ pod, volume: inPod, readOnly }, volume);
  const path = await csi.mount(mount, signal);
  await csi.expand(mount, bound, volume);
  return path;
};

/** A folder or device that an administrator made, on the node that the volume's affinity names. */
const local: Source = async ({ pod }, { spec }) => {
  const path = spec.local?.path ?? '';
  const found = await stat(path).catch(() => undefined);
  if (spec.volumeMode === 'Block') {
    if (!found?.isBlockDevice()) throw new Error(`path "${path}" is no block device`);
    return path;
  }
  if (!found?.isDirectory()) throw new Error(`path "${path}" does not exist or is no directory`);
  await giveToGroup(path, pod);
  return path;
};

/** The built-in storage: a folder below the node's own, made by the first pod. */
const localPath: Source = async ({ pod }, { metadata, spec }, { localVolumeDir, nodeName }) => {
  const home = metadata.labels?.[localPathNodeLabel];
  if (home !== nodeName) throw new Error(`volume "${metadata.name}" is on the disk of node "${home}"`);
  const path = localVolumeDir(spec.csi?.volumeHandle ?? '');
  // Whoever the containers run as may write; what they make of it later is theirs.
  if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, 0o777);
  await giveToGroup(path, pod);
  return path;
};
