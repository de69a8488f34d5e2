import type {
  CSIDriver,
  CSINode,
  PersistentVolume,
  PersistentVolumeSpec,
  StorageClass,
  VolumeAttachment,
} from '../generated/types.ts';
import { dns1123Subdomain, qualifiedName } from '../meta/name-format.ts';
import { parseQuantity } from '../meta/quantity.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  formatted,
  immutable,
  invalidValue,
  keyed,
  keyFormatted,
  notSupported,
  oneOf,
  required,
  same,
} from './check.ts';
import { validateAccessModes, volumeModes } from './claim.ts';
import { validateNodeSelector } from './placement.ts';
import { csiDriverName, hostPathSource, iscsiSource, nfsSource } from './volume.ts';

type Check = (source: never, path: string) => FieldError[];

const csiVolume = ({ driver, volumeHandle }: { driver: string; volumeHandle: string }, path: string): FieldError[] => [
  ...csiDriverName(child(path, 'driver'), driver),
  ...(volumeHandle ? [] : [required(child(path, 'volumeHandle'))]),
];

const localFolder = ({ path: folder }: { path: string }, path: string): FieldError[] =>
  folder ? [] : [required(child(path, 'path'))];

const unchecked = (): FieldError[] => [];

/** Sources in the order they are checked. */
const sources: Partial<Record<keyof PersistentVolumeSpec, Check>> = {
  hostPath: hostPathSource,
  gcePersistentDisk: unchecked,
  awsElasticBlockStore: unchecked,
  glusterfs: unchecked,
  flocker: unchecked,
  nfs: nfsSource,
  rbd: unchecked,
  quobyte: unchecked,
  cephfs: unchecked,
  iscsi: iscsiSource,
  cinder: unchecked,
  fc: unchecked,
  flexVolume: unchecked,
  azureFile: unchecked,
  vsphereVolume: unchecked,
  photonPersistentDisk: unchecked,
  portworxVolume: unchecked,
  azureDisk: unchecked,
  scaleIO: unchecked,
  local: localFolder,
  storageos: unchecked,
  csi: csiVolume,
};

function volumeSource(spec: PersistentVolumeSpec): FieldError[] {
  const given = (Object.keys(sources) as (keyof PersistentVolumeSpec)[]).filter((kind) => spec[kind]);
  if (given.length === 0) return [required('spec', 'must specify a volume type')];
  return given.flatMap((kind, i) => {
    if (i > 0) return [forbidden(`spec.${kind}`, 'may not specify more than 1 volume type')];
    return sources[kind]?.(spec[kind] as never, `spec.${kind}`) ?? [];
  });
}

export function validateVolume({ spec }: PersistentVolume): FieldError[] {
  const errors = validateAccessModes(spec.accessModes, 'spec.accessModes', '');
  errors.push(...capacity(spec));
  const policies = ['Delete', 'Recycle', 'Retain'];
  errors.push(...oneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, policies));
  if (spec.nodeAffinity) {
    const needed = spec.nodeAffinity.required;
    const path = 'spec.nodeAffinity.required';
    errors.push(
      ...(needed ? validateNodeSelector(needed, path) : [required(path, 'must specify required node constraints')]),
    );
  }
  errors.push(...volumeSource(spec));
  if (spec.local && !spec.nodeAffinity)
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  if (spec.hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle')
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  return [
    ...errors,
    ...formatted('spec.storageClassName', spec.storageClassName, dns1123Subdomain),
    ...oneOf('spec.volumeMode', spec.volumeMode, volumeModes),
    ...formatted('spec.volumeAttributesClassName', spec.volumeAttributesClassName, dns1123Subdomain),
  ];
}

function capacity({ capacity: amounts }: PersistentVolumeSpec): FieldError[] {
  const errors = Object.keys(amounts ?? {}).length > 0 ? [] : [required('spec.capacity')];
  const storage = amounts?.storage;
  if (storage === undefined || Object.keys(amounts ?? {}).length > 1)
    errors.push(notSupported('spec.capacity', amounts ?? null, ['storage']));
  if (storage !== undefined && parseQuantity(storage).nanos <= 0n)
    errors.push(invalidValue(keyed('spec.capacity', 'storage'), storage, 'must be greater than zero'));
  return errors;
}

export function validateVolumeUpdate(
  { spec }: PersistentVolume,
  { spec: old }: Readonly<PersistentVolume>,
): FieldError[] {
  const errors: FieldError[] = [];
  const source = (s: PersistentVolumeSpec) =>
    Object.fromEntries(Object.keys(sources).map((kind) => [kind, s[kind as keyof PersistentVolumeSpec]]));
  if (!same(source(spec), source(old)))
    errors.push(forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
  errors.push(...immutable('spec.volumeMode', spec.volumeMode, old.volumeMode));
  if (old.nodeAffinity) errors.push(...immutable('spec.nodeAffinity', spec.nodeAffinity, old.nodeAffinity));
  return errors;
}

const maxParameterBytes = 262_144;

export function validateStorageClass(storage: StorageClass): FieldError[] {
  const errors = storage.provisioner
    ? keyFormatted('provisioner', storage.provisioner.toLowerCase(), qualifiedName)
    : [required('provisioner')];
  const parameters = Object.entries(storage.parameters ?? {});
  if (parameters.length > 512)
    errors.push({
      type: 'FieldValueTooLong',
      field: 'parameters',
      message: 'Too long: may not be more than 512 bytes',
    });
  if (parameters.some(([key]) => key === '')) errors.push(invalidValue('parameters', '', 'field can not be empty.'));
  if (parameters.reduce((sum, [key, value]) => sum + key.length + value.length, 0) > maxParameterBytes)
    errors.push({
      type: 'FieldValueTooLong',
      field: 'parameters',
      message: `Too long: may not be more than ${maxParameterBytes} bytes`,
    });
  errors.push(...oneOf('reclaimPolicy', storage.reclaimPolicy, ['Delete', 'Retain']));
  return [...errors, ...oneOf('volumeBindingMode', storage.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'])];
}

export const validateStorageClassUpdate = (storage: StorageClass, old: Readonly<StorageClass>): FieldError[] => {
  const errors: FieldError[] = [];
  if (!same(storage.parameters, old.parameters))
    errors.push(forbidden('parameters', 'updates to parameters are forbidden.'));
  if (storage.provisioner !== old.provisioner)
    errors.push(forbidden('provisioner', 'updates to provisioner are forbidden.'));
  if (storage.reclaimPolicy !== old.reclaimPolicy)
    errors.push(forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'));
  return [...errors, ...immutable('volumeBindingMode', storage.volumeBindingMode, old.volumeBindingMode)];
};

export function validateVolumeAttachment({ spec }: VolumeAttachment): FieldError[] {
  const errors = csiDriverName('spec.attacher', spec.attacher);
  const { persistentVolumeName, inlineVolumeSpec } = spec.source;
  if (inlineVolumeSpec && persistentVolumeName)
    errors.push(forbidden('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
  else if (!inlineVolumeSpec && !persistentVolumeName)
    errors.push(required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
  return [...errors, ...keyFormatted('spec.nodeName', spec.nodeName, dns1123Subdomain)];
}

export const validateVolumeAttachmentUpdate = (
  object: VolumeAttachment,
  old: Readonly<VolumeAttachment>,
): FieldError[] => immutable('spec', object.spec, old.spec);

export function validateCsiDriver({ metadata, spec }: CSIDriver): FieldError[] {
  const errors = csiDriverName('metadata.name', metadata.name);
  for (const member of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const)
    if (spec[member] === undefined) errors.push(required(`spec.${member}`));
  errors.push(...oneOf('spec.fsGroupPolicy', spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']));
  return [
    ...errors,
    ...each(spec.volumeLifecycleModes, 'spec.volumeLifecycleModes', (mode, p) =>
      oneOf(p, mode, ['Ephemeral', 'Persistent']),
    ),
  ];
}

export const validateCsiDriverUpdate = ({ spec }: CSIDriver, { spec: old }: Readonly<CSIDriver>): FieldError[] => [
  ...immutable('spec.attachRequired', spec.attachRequired, old.attachRequired),
  ...immutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, old.volumeLifecycleModes),
];

export function validateCsiNode({ spec }: CSINode): FieldError[] {
  const names = new Set<string>();
  return each(spec.drivers, 'spec.drivers', ({ name, nodeID, topologyKeys }, p) => {
    const errors = csiDriverName(child(p, 'name'), name);
    if (names.has(name)) errors.push(duplicate(child(p, 'name'), name));
    names.add(name);
    if (!nodeID) errors.push(required(child(p, 'nodeID')));
    else if (nodeID.length > 256)
      errors.push(invalidValue(child(p, 'nodeID'), nodeID, 'must be 256 characters or less'));
    return [
      ...errors,
      ...each(topologyKeys, child(p, 'topologyKeys'), (key, kp) => keyFormatted(kp, key, qualifiedName)),
    ];
  });
}
