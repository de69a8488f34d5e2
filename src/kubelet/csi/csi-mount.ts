import type { CSIDriver, PersistentVolume, Pod, SecretReference, Volume } from '../../api/generated/types.ts';
import { inlineHandle, volumeNameOnNode } from '../../api/storage/csi.ts';
import { csiSourceOf } from '../../api/storage/in-tree.ts';
import type { AccessModeName, NodeCapability, VolumeCapability } from './csi-api.ts';

/** A volume as a pod wants it from a driver. */
export interface CsiMount {
  pod: Pod;
  /** In the pod's spec. */
  volumeName: string;
  /** The PersistentVolume's name; of an inline volume the same as `volumeName`. */
  specName: string;
  driver: string;
  handle: string;
  mode: 'Persistent' | 'Ephemeral';
  /** A device, without a file system. */
  isBlock: boolean;
  readOnly: boolean;
  fsType: string;
  attributes: Readonly<Record<string, string>>;
  accessModes: readonly string[];
  mountOptions: readonly string[];
  stageSecret?: SecretReference | undefined;
  publishSecret?: SecretReference | undefined;
  expandSecret?: SecretReference | undefined;
}

/** Read-only is what the pod says; the volume's own word is for whoever attaches it. Throws when it is of no CSI driver. */
export function mountOfVolume(
  { pod, volume, readOnly }: { pod: Pod; volume: Volume; readOnly: boolean },
  persistent: PersistentVolume,
): CsiMount {
  const { metadata, spec } = persistent;
  const csi = csiSourceOf(persistent);
  if (!csi) throw new Error(`PersistentVolume "${metadata.name}" is of no CSI driver`);
  return {
    ...{ pod, volumeName: volume.name, specName: metadata.name, driver: csi.driver, handle: csi.volumeHandle },
    ...{ mode: 'Persistent', isBlock: spec.volumeMode === 'Block', readOnly, fsType: csi.fsType ?? '' },
    ...{ attributes: csi.volumeAttributes ?? {}, accessModes: spec.accessModes ?? [] },
    mountOptions: spec.mountOptions ?? [],
    stageSecret: csi.nodeStageSecretRef,
    publishSecret: csi.nodePublishSecretRef,
    expandSecret: csi.nodeExpandSecretRef,
  };
}

export function inlineMount(pod: Pod, { name, csi }: Volume): CsiMount {
  const { driver = '', readOnly = false, fsType = '', volumeAttributes, nodePublishSecretRef } = csi ?? {};
  const { uid = '', namespace } = pod.metadata;
  return {
    ...{ pod, volumeName: name, specName: name, driver, handle: inlineHandle(uid, name) },
    ...{ mode: 'Ephemeral', isBlock: false, readOnly, fsType, attributes: volumeAttributes ?? {} },
    ...{ accessModes: ['ReadWriteOnce'], mountOptions: [] },
    publishSecret: nodePublishSecretRef && { name: nodePublishSecretRef.name, namespace },
  };
}

/** Whom it is shared with: all pods of a node that name it have it staged once. */
export const volumeKey = ({ driver, handle }: Pick<CsiMount, 'driver' | 'handle'>): string =>
  volumeNameOnNode(driver, handle);

/** Of one volume of one pod, for what is to be done to it later. */
export const volumeDueKey = ({ pod, volumeName }: CsiMount): string => `${pod.metadata.uid}/${volumeName}`;

/** A driver that says nothing wants its volumes attached. */
export const needsAttachment = ({ mode }: CsiMount, rules: CSIDriver | undefined): boolean =>
  mode === 'Persistent' && rules?.spec.attachRequired !== false;

/** Throws when the driver has no volumes of this mode. */
export function checkMode({ driver, mode }: CsiMount, rules: CSIDriver | undefined): void {
  if (!rules && mode === 'Persistent') return;
  const refusal = `volume mode "${mode}" not supported by driver ${driver}`;
  if (!rules) throw new Error(`${refusal} (no CSIDriver object)`);
  const modes = rules.spec.volumeLifecycleModes ?? ['Persistent'];
  if (modes.includes(mode)) return;
  throw new Error(`${refusal} (only supports [${modes.map((one) => `"${one}"`).join(' ')}])`);
}

const modeNames: Record<string, AccessModeName> = {
  ReadWriteOnce: 'SINGLE_NODE_WRITER',
  ReadOnlyMany: 'MULTI_NODE_READER_ONLY',
  ReadWriteMany: 'MULTI_NODE_MULTI_WRITER',
  ReadWriteOncePod: 'SINGLE_NODE_WRITER',
};
/** Of drivers that tell one pod on a node from several. */
const finerModeNames: Record<string, AccessModeName> = {
  ...modeNames,
  ReadWriteOnce: 'SINGLE_NODE_MULTI_WRITER',
  ReadWriteOncePod: 'SINGLE_NODE_SINGLE_WRITER',
};

/** How the volume is going to be used. The first access mode counts, as in Kubernetes. */
export function capabilityOf(mount: CsiMount, capabilities: ReadonlySet<NodeCapability>): VolumeCapability {
  const names = capabilities.has('SINGLE_NODE_MULTI_WRITER') ? finerModeNames : modeNames;
  const fsGroup = mount.pod.spec.securityContext?.fsGroup;
  const isGroups = capabilities.has('VOLUME_MOUNT_GROUP') && fsGroup !== undefined;
  const accessMode = { mode: names[mount.accessModes[0] ?? 'ReadWriteOnce'] ?? 'UNKNOWN' };
  if (mount.isBlock) return { block: {}, accessMode };
  return {
    mount: {
      fsType: mount.fsType,
      mountFlags: mount.mountOptions,
      ...(isGroups ? { volumeMountGroup: String(fsGroup) } : {}),
    },
    accessMode,
  };
}

/** Whether the node gives the files to the pod's fsGroup: not what the driver does by itself, nor what it forbids. */
export function isGivenToGroup(
  { pod, isBlock, readOnly, mode, fsType, accessModes }: CsiMount,
  rules: CSIDriver | undefined,
  capabilities: ReadonlySet<NodeCapability>,
): boolean {
  if (pod.spec.securityContext?.fsGroup === undefined || readOnly || isBlock) return false;
  if (capabilities.has('VOLUME_MOUNT_GROUP')) return false;
  const policy = rules?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (policy === 'None') return false;
  if (policy === 'File') return true;
  if (fsType === '') return false;
  return mode === 'Ephemeral' || accessModes.some((one) => one === 'ReadWriteOnce' || one === 'ReadWriteOncePod');
}

/** What a driver that asks for it is told of the pod. */
export function podInfo({ pod, mode }: CsiMount, rules: CSIDriver | undefined): Record<string, string> {
  if (!rules?.spec.podInfoOnMount) return {};
  const { name, namespace = '', uid = '' } = pod.metadata;
  return {
    'csi.storage.k8s.io/pod.name': name,
    'csi.storage.k8s.io/pod.namespace': namespace,
    'csi.storage.k8s.io/pod.uid': uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec.serviceAccountName ?? '',
    'csi.storage.k8s.io/ephemeral': String(mode === 'Ephemeral'),
  };
}

/** Where the tokens stand that a driver asks for: in the volume's context, or among the secrets if it wants that. */
export const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';
