import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlexPersistentVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  HostPathVolumeSource,
  NFSVolumeSource,
  QuobyteVolumeSource,
} from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, rangeText } from '../meta/name-format.ts';
import {
  child,
  type FieldError,
  forbidden,
  formatted,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from './check.ts';
import { noBacksteps } from './inner-path.ts';
import { among, between, type Check, inner, members, named, there } from './members.ts';

// biome-ignore lint/suspicious/noExplicitAny: each check names the type of its own source
type Sources = Record<string, Check<any>>;

/** Plugins whose paths in messages are not the names of their members. */
const pathsOf: Record<string, { inside?: string; refused?: string }> = {
  gcePersistentDisk: { inside: 'persistentDisk' },
  cephfs: { refused: 'cephFS' },
  downwardAPI: { refused: 'downwarAPI' },
};

/** Exactly one source, of those of a table; errors are those of the first and that there are others. */
export function oneSource(sources: Sources, volume: Record<string, unknown>, path: string): FieldError[] {
  const given = Object.keys(sources).filter((kind) => volume[kind]);
  if (given.length === 0) return [required(path, 'must specify a volume type')];
  return given.flatMap((kind, i) => {
    const { inside = kind, refused = kind } = pathsOf[kind] ?? {};
    if (i > 0) return [forbidden(child(path, refused), 'may not specify more than 1 volume type')];
    return sources[kind]?.(volume[kind], child(path, inside)) ?? [];
  });
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

const hostPath: Check<HostPathVolumeSource> = (source, path) => {
  if (!source.path) return [required(child(path, 'path'))];
  return [
    ...noBacksteps(child(path, 'path'), source.path),
    ...among(...hostPathTypes)(child(path, 'type'), source.type),
  ];
};

const partition = between(0, 255, [1, 255]);

const nfs = members<NFSVolumeSource>({
  server: there,
  path: (path, folder) => [
    ...there(path, folder),
    ...(folder?.startsWith('/') ? [] : [invalidValue(path, folder ?? '', 'must be an absolute path')]),
  ],
});

const iscsiForms: [prefix: string, form: RegExp][] = [
  ['iqn', /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9-.]+)(:[^,;*&$|\s]+)$/],
  ['eui', /^eui.[a-zA-Z0-9]{16}$/],
  ['naa', /^naa.[a-zA-Z0-9]{32}$/],
];

const iscsiName = (path: string, name: string, detail: string): FieldError[] => {
  const form = iscsiForms.find(([prefix]) => name.startsWith(prefix))?.[1];
  if (!form) return [invalidValue(path, name, detail)];
  return form.test(name) ? [] : [invalidValue(path, name, 'must be valid format')];
};

interface Iscsi {
  targetPortal: string;
  iqn: string;
  lun: number;
  initiatorName?: string;
  chapAuthDiscovery?: boolean;
  chapAuthSession?: boolean;
  secretRef?: SecretRef;
}

/** `detail` says what is wrong with a name of none of the known forms: pods are told more than volumes. */
const iscsi =
  (detail: string): Check<Iscsi> =>
  (source, path) => {
    const errors = [
      ...there(child(path, 'targetPortal'), source.targetPortal),
      ...(source.iqn ? iscsiName(child(path, 'iqn'), source.iqn, detail) : [required(child(path, 'iqn'))]),
      ...between(0, 255)(child(path, 'lun'), source.lun),
    ];
    if ((source.chapAuthDiscovery || source.chapAuthSession) && !source.secretRef)
      errors.push(required(child(path, 'secretRef')));
    if (source.initiatorName !== undefined)
      errors.push(...iscsiName(child(path, 'initiatorname'), source.initiatorName, detail));
    return errors;
  };

/** Longer names of volume and portal are cut by initiators. */
export const initiatorTooLong = (name: string, { initiatorName, targetPortal }: Iscsi): string | undefined =>
  initiatorName !== undefined && `${name}:${targetPortal}`.length > 64
    ? 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'
    : undefined;

interface SecretRef {
  name?: string;
  namespace?: string;
}
const localSecret = inner(members<SecretRef>({ name: there }));
const anySecret = inner(members<SecretRef>({ name: there, namespace: there }));

const flocker: Check<FlockerVolumeSource> = ({ datasetName, datasetUUID }, path) => {
  const errors: FieldError[] = [];
  if (!datasetName && !datasetUUID) errors.push(required(path, 'one of datasetName and datasetUUID is required'));
  if (datasetName && datasetUUID)
    errors.push(invalidValue(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  if (datasetName?.includes('/'))
    errors.push(invalidValue(child(path, 'datasetName'), datasetName, "must not contain '/'"));
  return errors;
};

const quobyte: Check<QuobyteVolumeSource> = ({ registry, tenant, volume }, path) => {
  const detail = 'must be a host:port pair or multiple pairs separated by commas';
  const errors: FieldError[] = [];
  if (!registry) errors.push(required(child(path, 'registry'), detail));
  else if ((tenant?.length ?? 0) >= 65)
    errors.push(required(child(path, 'tenant'), 'must be a UUID and may not exceed a length of 64 characters'));
  else
    for (const pair of registry.split(','))
      if (!/^([^:[\]]*|\[[^[\]]*\]):[^:]*$/.test(pair))
        errors.push(invalidValue(child(path, 'registry'), registry, detail));
  return [...errors, ...there(child(path, 'volume'), volume)];
};

const fc: Check<FCVolumeSource> = ({ targetWWNs = [], wwids = [], lun }, path) => {
  const at = child(path, 'targetWWNs');
  const errors: FieldError[] = [];
  if (targetWWNs.length === 0 && wwids.length === 0)
    errors.push(required(at, 'must specify either targetWWNs or wwids, but not both'));
  if (targetWWNs.length > 0 && wwids.length > 0)
    errors.push(invalidValue(at, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'));
  if (targetWWNs.length === 0) return errors;
  if (lun === undefined) errors.push(required(child(path, 'lun'), 'lun is required if targetWWNs is specified'));
  else if (lun < 0 || lun > 255) errors.push(invalidValue(child(path, 'lun'), lun, rangeText(0, 255)));
  return errors;
};

const flexVolume: Check<FlexPersistentVolumeSource> = ({ driver, options = {} }, path) => [
  ...there(child(path, 'driver'), driver),
  ...Object.keys(options).flatMap((key) =>
    /\.(kubernetes|k8s)\.io$/.test(`.${(key.split('/')[0] ?? '').toLowerCase()}`)
      ? [invalidValue(`${child(path, 'options')}[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')]
      : [],
  ),
];

const managedUri = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobUri = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

const azureDisk: Check<AzureDiskVolumeSource> = (disk, path) => {
  const errors = members<AzureDiskVolumeSource>({
    diskName: there,
    diskURI: there,
    cachingMode: among('None', 'ReadOnly', 'ReadWrite'),
    kind: among('Dedicated', 'Managed', 'Shared'),
  })(disk, path);
  const at = child(path, 'diskURI');
  if (disk.kind === 'Managed' && !disk.diskURI.startsWith('/subscriptions/'))
    errors.push(notSupported(at, disk.diskURI, [managedUri]));
  if (disk.kind && disk.kind !== 'Managed' && !disk.diskURI.startsWith('https://'))
    errors.push(notSupported(at, disk.diskURI, [blobUri]));
  return errors;
};

/** The name of a CSI driver. */
export function csiDriverName(path: string, name: string): FieldError[] {
  const errors = name ? [] : [required(path)];
  if (name.length > 63) errors.push(tooLong(path, 63));
  return [...errors, ...dns1123Subdomain(name.toLowerCase()).map((text) => invalidValue(path, name, text))];
}

const storageOs = (secret: typeof anySecret): Sources => ({
  storageos: members({
    volumeName: named(dns1123Label),
    volumeNamespace: (path: string, value: string) => formatted(path, value, dns1123Label),
    secretRef: secret,
  }),
});

const hostPathAndDisks: Sources = {
  gcePersistentDisk: members<GCEPersistentDiskVolumeSource>({ pdName: there, partition }),
  awsElasticBlockStore: members<AWSElasticBlockStoreVolumeSource>({ volumeID: there, partition }),
};

/** What the volumes of pods and of the cluster have in common, in the order in which they are checked. */
const shared: Sources = {
  vsphereVolume: members({ volumePath: there }),
  photonPersistentDisk: members({ pdID: there }),
  portworxVolume: members({ volumeID: there }),
  azureDisk,
};
const rbd = members({ monitors: there, image: there });
const cephfs = members({ monitors: there });
const scaleIO = members({ gateway: there, system: there, volumeName: there });

type OwnSource =
  | 'emptyDir'
  | 'gitRepo'
  | 'secret'
  | 'downwardAPI'
  | 'configMap'
  | 'projected'
  | 'csi'
  | 'ephemeral'
  | 'image';

/** The sources of a pod's volumes, in the order in which they are checked. `own` are those that a pod alone has. */
// biome-ignore lint/suspicious/noExplicitAny: each check names the type of its own source
export const podSources = (own: Record<OwnSource, Check<any>>): Sources => ({
  emptyDir: own.emptyDir,
  hostPath,
  gitRepo: own.gitRepo,
  ...hostPathAndDisks,
  secret: own.secret,
  nfs,
  iscsi: iscsi('must be valid format starting with iqn, eui, or naa'),
  glusterfs: members({ endpoints: there, path: there }),
  flocker,
  persistentVolumeClaim: members({ claimName: there }),
  rbd,
  cinder: members({ volumeID: there, secretRef: localSecret }),
  cephfs,
  quobyte,
  downwardAPI: own.downwardAPI,
  fc,
  flexVolume,
  configMap: own.configMap,
  azureFile: members({ secretName: there, shareName: there }),
  ...shared,
  ...storageOs(localSecret),
  projected: own.projected,
  scaleIO,
  csi: own.csi,
  ephemeral: own.ephemeral,
  image: own.image,
});

const csiSecret = inner(members<SecretRef>({ name: named(dns1123Subdomain), namespace: named(dns1123Label) }));

const endpointsNamespace = (path: string, value: string | undefined): FieldError[] => {
  if (value === undefined) return [];
  const texts = value ? dns1123Label(value) : ['if the endpointnamespace is set, it must be a valid namespace name'];
  return texts.map((text) => invalidValue(path, value, text));
};

/** The sources of persistent volumes. */
export const volumeSources: Sources = {
  hostPath,
  ...hostPathAndDisks,
  glusterfs: members({ endpoints: there, path: there, endpointsNamespace }),
  flocker,
  nfs,
  rbd,
  quobyte,
  cephfs,
  iscsi: (source, path) => [
    ...iscsi('must be valid format')(source, path),
    ...localSecret(child(path, 'secretRef'), source.secretRef),
  ],
  cinder: members({ volumeID: there, secretRef: anySecret }),
  fc,
  flexVolume,
  azureFile: members({
    secretName: there,
    shareName: there,
    secretNamespace: (path: string, value?: string) => (value === '' ? [required(path)] : []),
  }),
  ...shared,
  scaleIO,
  local: (source, path) =>
    source.path ? noBacksteps(child(path, 'path'), source.path) : [required(child(path, 'path'))],
  ...storageOs(anySecret),
  csi: members({
    driver: csiDriverName,
    volumeHandle: there,
    controllerPublishSecretRef: csiSecret,
    controllerExpandSecretRef: csiSecret,
    nodePublishSecretRef: csiSecret,
    nodeExpandSecretRef: csiSecret,
  }),
};
