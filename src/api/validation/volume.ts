import type { DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain } from '../meta/name-format.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  oneOf,
  required,
  requiredFormatted,
} from './check.ts';
import { validateClaimSpec } from './claim.ts';
import { fieldReference, resourceReference } from './field-reference.ts';
import { innerPath, noBacksteps } from './inner-path.ts';

type Check<T> = (source: T, path: string) => FieldError[];
type Sources = Omit<Volume, 'name'>;

/** Bits of a file mode. */
export const fileMode = (path: string, mode: number | undefined): FieldError[] =>
  mode !== undefined && (mode < 0 || mode > 0o777)
    ? [invalidValue(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];

/** The path of a file in a volume that the kubelet writes. */
function filePath(path: string, value: string): FieldError[] {
  if (!value) return [required(path)];
  const errors = innerPath(path, value);
  if (value.startsWith('..') && !value.startsWith('../') && errors.length === 0)
    errors.push(invalidValue(path, value, "must not start with '..'"));
  return errors;
}

const keyFile = (file: KeyToPath, path: string): FieldError[] => [
  ...(file.key ? [] : [required(child(path, 'key'))]),
  ...filePath(child(path, 'path'), file.path),
  ...fileMode(child(path, 'mode'), file.mode),
];

const keyFiles = (source: { items?: KeyToPath[]; defaultMode?: number }, path: string): FieldError[] => [
  ...fileMode(child(path, 'defaultMode'), source.defaultMode),
  ...each(source.items, child(path, 'items'), keyFile),
];

const downwardFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.labels',
  'metadata.annotations',
  'metadata.uid',
];

function downwardFile(file: DownwardAPIVolumeFile, path: string): FieldError[] {
  const errors = filePath(child(path, 'path'), file.path);
  if (file.fieldRef) {
    const allowed = { fields: downwardFields, subscripts: true };
    errors.push(...fieldReference(file.fieldRef, child(path, 'fieldRef'), allowed));
    if (file.resourceFieldRef)
      errors.push(invalidValue(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (file.resourceFieldRef) {
    const at = child(path, 'resourceFieldRef');
    if (!file.resourceFieldRef.containerName) errors.push(required(child(at, 'containerName')));
    errors.push(...resourceReference(file.resourceFieldRef, at));
  } else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  return [...errors, ...fileMode(child(path, 'mode'), file.mode)];
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export const hostPathSource: Check<{ path: string; type?: string }> = (source, path) => {
  if (!source.path) return [required(child(path, 'path'))];
  return [...noBacksteps(child(path, 'path'), source.path), ...oneOf(child(path, 'type'), source.type, hostPathTypes)];
};

export const nfsSource: Check<{ server: string; path: string }> = ({ server, path: folder }, path) => {
  const errors = server ? [] : [required(child(path, 'server'))];
  if (!folder) errors.push(required(child(path, 'path')));
  else if (!folder.startsWith('/')) errors.push(invalidValue(child(path, 'path'), folder, 'must be an absolute path'));
  return errors;
};

export const iscsiSource: Check<{ targetPortal: string; iqn: string; lun: number }> = (
  { targetPortal, iqn, lun },
  path,
) => {
  const errors = targetPortal ? [] : [required(child(path, 'targetPortal'))];
  if (!iqn) errors.push(required(child(path, 'iqn')));
  else if (!/^(iqn|eui|naa)\./.test(iqn)) errors.push(invalidValue(child(path, 'iqn'), iqn, 'must be valid format'));
  if (lun < 0 || lun > 255) errors.push(invalidValue(child(path, 'lun'), lun, 'must be between 0 and 255, inclusive'));
  return errors;
};

/** The name of a CSI driver. */
export function csiDriverName(path: string, name: string): FieldError[] {
  if (!name) return [required(path)];
  if (name.length > 63)
    return [{ type: 'FieldValueTooLong', field: path, message: 'Too long: may not be more than 63 bytes' }];
  return dns1123Subdomain(name.toLowerCase()).map((text) => invalidValue(path, name, text));
}

const projections: { [K in keyof VolumeProjection]-?: Check<NonNullable<VolumeProjection[K]>> } = {
  secret: (source, path) => [...(source.name ? [] : [required(child(path, 'name'))]), ...keyFiles(source, path)],
  configMap: (source, path) => [...(source.name ? [] : [required(child(path, 'name'))]), ...keyFiles(source, path)],
  downwardAPI: (source, path) => each(source.items, child(path, 'items'), downwardFile),
  serviceAccountToken: ({ expirationSeconds = 3600, path: file }, path) => {
    const at = child(path, 'expirationSeconds');
    const errors: FieldError[] = [];
    if (expirationSeconds < 600)
      errors.push(invalidValue(at, expirationSeconds, 'may not specify a duration less than 10 minutes'));
    if (expirationSeconds > 2 ** 32)
      errors.push(invalidValue(at, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'));
    return [...errors, ...(file ? [] : [required(child(path, 'path'))])];
  },
  clusterTrustBundle: ({ name, signerName, path: file }, path) => {
    const errors: FieldError[] = [];
    if (name !== undefined && signerName !== undefined)
      errors.push(invalidValue(path, null, 'only one of name and signerName may be used'));
    if (name === undefined && signerName === undefined)
      errors.push(required(path, 'either name or signerName must be specified'));
    return [...errors, ...(file ? [] : [required(child(path, 'path'))])];
  },
  podCertificate: ({ signerName }, path) => (signerName ? [] : [required(child(path, 'signerName'))]),
};

function projection(source: VolumeProjection, path: string): FieldError[] {
  const given = (Object.keys(projections) as (keyof VolumeProjection)[]).filter((kind) => source[kind]);
  return given.flatMap((kind, i) => {
    if (i > 0) return [forbidden(child(path, kind), 'may not specify more than 1 volume type')];
    return (projections[kind] as Check<unknown>)(source[kind], child(path, kind));
  });
}

/** Sources of retired plugins: they may only stand alone. */
const unchecked: Check<unknown> = () => [];

/** Sources in the order they are checked. */
const sources: { [K in keyof Sources]-?: Check<NonNullable<Sources[K]>> } = {
  emptyDir: ({ sizeLimit }, path) =>
    sizeLimit?.startsWith('-')
      ? [forbidden(child(path, 'sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
      : [],
  hostPath: hostPathSource,
  gitRepo: ({ repository }, path) => (repository ? [] : [required(child(path, 'repository'))]),
  gcePersistentDisk: ({ pdName }, path) => (pdName ? [] : [required(child(path, 'pdName'))]),
  awsElasticBlockStore: ({ volumeID }, path) => (volumeID ? [] : [required(child(path, 'volumeID'))]),
  secret: (source, path) => [
    ...(source.secretName ? [] : [required(child(path, 'secretName'))]),
    ...keyFiles(source, path),
  ],
  nfs: nfsSource,
  iscsi: iscsiSource,
  glusterfs: unchecked,
  persistentVolumeClaim: ({ claimName }, path) => (claimName ? [] : [required(child(path, 'claimName'))]),
  rbd: unchecked,
  flexVolume: ({ driver }, path) => (driver ? [] : [required(child(path, 'driver'))]),
  cinder: unchecked,
  cephfs: unchecked,
  flocker: unchecked,
  downwardAPI: (source, path) => [
    ...fileMode(child(path, 'defaultMode'), source.defaultMode),
    ...each(source.items, child(path, 'items'), downwardFile),
  ],
  fc: unchecked,
  azureFile: unchecked,
  configMap: (source, path) => [...(source.name ? [] : [required(child(path, 'name'))]), ...keyFiles(source, path)],
  vsphereVolume: unchecked,
  quobyte: unchecked,
  azureDisk: unchecked,
  photonPersistentDisk: unchecked,
  projected: (source, path) => [
    ...fileMode(child(path, 'defaultMode'), source.defaultMode),
    ...each(source.sources, child(path, 'sources'), projection),
  ],
  portworxVolume: unchecked,
  scaleIO: unchecked,
  storageos: unchecked,
  csi: ({ driver }, path) => csiDriverName(child(path, 'driver'), driver),
  ephemeral: ({ volumeClaimTemplate }, path) => {
    const at = child(path, 'volumeClaimTemplate');
    return volumeClaimTemplate ? validateClaimSpec(volumeClaimTemplate.spec, child(at, 'spec')) : [required(at)];
  },
  image: ({ reference, pullPolicy }, path) => [
    ...(reference ? [] : [required(child(path, 'reference'))]),
    ...oneOf(child(path, 'pullPolicy'), pullPolicy, ['Always', 'IfNotPresent', 'Never']),
  ],
};

function volumeSource(volume: Volume, path: string): FieldError[] {
  const given = (Object.keys(sources) as (keyof Sources)[]).filter((kind) => volume[kind]);
  if (given.length === 0) return [required(path, 'must specify a volume type')];
  return given.flatMap((kind, i) => {
    if (i > 0) return [forbidden(child(path, kind), 'may not specify more than 1 volume type')];
    return (sources[kind] as Check<unknown>)(volume[kind], child(path, kind));
  });
}

/** The volumes of a pod; `names` are those that mounts may use. */
export function validateVolumes(
  volumes: Volume[] | undefined,
  path: string,
): { errors: FieldError[]; names: Set<string> } {
  const names = new Set<string>();
  const errors = each(volumes, path, (volume, p) => {
    const own = [...volumeSource(volume, p), ...requiredFormatted(child(p, 'name'), volume.name, dns1123Label)];
    if (names.has(volume.name)) own.push(duplicate(child(p, 'name'), volume.name));
    if (own.length === 0) names.add(volume.name);
    return own;
  });
  return { errors, names };
}
