import type {
  CSIVolumeSource,
  ClusterTrustBundleProjection,
  ConfigMapProjection,
  DownwardAPIVolumeFile,
  EphemeralVolumeSource,
  ImageVolumeSource,
  KeyToPath,
  ObjectMeta,
  PodCertificateProjection,
  ProjectedVolumeSource,
  SecretProjection,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain } from '../meta/name-format.ts';
import { validateAnnotations, validateLabels } from '../meta/object-meta.ts';
import { goForm } from '../schema/go-form.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  invalidValue,
  notSupported,
  required,
  requiredFormatted,
  requiredOneOf,
  validateLabelSelector,
} from './check.ts';
import { validateClaimSpec } from './claim.ts';
import { fieldReference, resourceReference } from './field-reference.ts';
import { innerPath } from './inner-path.ts';
import { type Check, members, there } from './members.ts';
import { bundleName, signerName } from './signer-name.ts';
import { csiDriverName, initiatorTooLong, oneSource, podSources } from './volume-sources.ts';

/** Bits of a file mode. */
const fileMode = (path: string, mode: number | undefined): FieldError[] =>
  mode !== undefined && (mode < 0 || mode > 0o777)
    ? [invalidValue(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];

/** The path of a file in a volume that the kubelet writes. */
export function filePath(path: string, value: string | undefined): FieldError[] {
  if (!value) return [required(path)];
  const errors = innerPath(path, value);
  if (value.startsWith('..') && !value.startsWith('../') && errors.length === 0)
    errors.push(invalidValue(path, value, "must not start with '..'"));
  return errors;
}

const keyFile = members<KeyToPath>({ key: there, path: filePath, mode: fileMode });
const keyFiles = (path: string, files: KeyToPath[] | undefined): FieldError[] => each(files, path, keyFile);

const downwardFields = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

function downwardFile(file: DownwardAPIVolumeFile, path: string): FieldError[] {
  const errors = filePath(child(path, 'path'), file.path);
  if (file.fieldRef) {
    const allowed = { fields: downwardFields, subscripts: true };
    errors.push(...fieldReference(file.fieldRef, child(path, 'fieldRef'), allowed));
    if (file.resourceFieldRef)
      errors.push(invalidValue(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (file.resourceFieldRef)
    errors.push(...resourceReference(file.resourceFieldRef, child(path, 'resourceFieldRef'), 'of a named container'));
  else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  return [...errors, ...fileMode(child(path, 'mode'), file.mode)];
}

/** Files of the pod's own fields; messages do not say which of them is meant. */
const downwardFiles = (path: string, files: DownwardAPIVolumeFile[] | undefined): FieldError[] =>
  (files ?? []).flatMap((file) => downwardFile(file, path));

function tokenProjection({ expirationSeconds = 3600, path: file }: ServiceAccountTokenProjection, path: string) {
  const at = child(path, 'expirationSeconds');
  const errors: FieldError[] = [];
  if (expirationSeconds < 600)
    errors.push(invalidValue(at, expirationSeconds, 'may not specify a duration less than 10 minutes'));
  if (expirationSeconds > 2 ** 32)
    errors.push(invalidValue(at, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'));
  // Kubernetes names the volume here, not the source.
  return [...errors, ...filePath(path.replace(/\.sources\[\d+\]\.\w+$/, '.path'), file)];
}

function bundleProjection(bundle: ClusterTrustBundleProjection, path: string): FieldError[] {
  const { name, signerName: signer, labelSelector } = bundle;
  const errors: FieldError[] = [];
  if (name !== undefined && signer !== undefined)
    errors.push(
      invalidValue(
        path,
        goForm('io.k8s.api.core.v1.ClusterTrustBundleProjection', bundle),
        'only one of name and signerName may be used',
      ),
    );
  else if (name !== undefined) {
    const at = child(path, 'name');
    if (!name) errors.push(required(at, 'must be a valid object name'));
    errors.push(
      ...bundleName(name).map((text) => invalidValue(at, name, `not a valid clustertrustbundlename: ${text}`)),
    );
    if (labelSelector)
      errors.push(
        invalidValue(child(path, 'labelSelector'), labelSelector, 'labelSelector must be unset if name is specified'),
      );
  } else if (signer !== undefined) {
    const at = child(path, 'signerName');
    if (!signer) errors.push(required(at, 'must be a valid signer name'));
    errors.push(...signerName(at, signer), ...validateLabelSelector(labelSelector, child(path, 'labelSelector')));
  } else errors.push(required(path, 'either name or signerName must be specified'));
  return [...errors, ...filePath(child(path, 'path'), bundle.path)];
}

const keyTypes = ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096'];
const hour = 3600;

function certificateProjection(certificate: PodCertificateProjection, path: string): FieldError[] {
  const { signerName: signer, keyType, maxExpirationSeconds: seconds } = certificate;
  const at = child(path, 'maxExpirationSeconds');
  const errors = signerName(child(path, 'signerName'), signer);
  if (!keyTypes.includes(keyType)) errors.push(notSupported(child(path, 'keyType'), keyType, keyTypes));
  const longest = signer?.startsWith('kubernetes.io/') ? 24 * hour : 91 * 24 * hour;
  if (seconds !== undefined && seconds < hour)
    errors.push(invalidValue(at, seconds, `if provided, maxExpirationSeconds must be >= ${hour}`));
  if (seconds !== undefined && seconds > longest)
    errors.push(invalidValue(at, seconds, `if provided, maxExpirationSeconds must be <= ${longest}`));
  const files = (['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const).filter(
    (file) => certificate[file],
  );
  if (files.length === 0)
    errors.push(required(path, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'));
  return [...errors, ...files.flatMap((file) => filePath(child(path, file), certificate[file]))];
}

/** A check, and the files that the source writes. */
interface Projection<T> {
  check: Check<T>;
  files(source: T): (string | undefined)[];
}
const items = (source: { items?: { path: string }[] }) => (source.items ?? []).map((file) => file.path);

const projections: { [K in keyof VolumeProjection]-?: Projection<NonNullable<VolumeProjection[K]>> } = {
  secret: { check: members<SecretProjection>({ name: there, items: keyFiles }), files: items },
  configMap: { check: members<ConfigMapProjection>({ name: there, items: keyFiles }), files: items },
  downwardAPI: { check: ({ items: files }, path) => downwardFiles(path, files), files: items },
  serviceAccountToken: { check: tokenProjection, files: () => [] },
  clusterTrustBundle: { check: bundleProjection, files: ({ path }) => [path] },
  podCertificate: {
    check: certificateProjection,
    files: (source) => [source.credentialBundlePath, source.keyPath, source.certificateChainPath],
  },
};

function projected({ defaultMode, sources }: ProjectedVolumeSource, path: string): FieldError[] {
  const taken = new Set<string>();
  const conflict = (file: string | undefined): FieldError[] => {
    if (!file) return [];
    if (taken.has(file)) return [invalidValue(path, file, 'conflicting duplicate paths')];
    taken.add(file);
    return [];
  };
  const errors = each(sources, child(path, 'sources'), (source, p) => {
    const given = (Object.keys(projections) as (keyof VolumeProjection)[]).filter((kind) => source[kind]);
    const own = given.flatMap((kind) => {
      const { check, files } = projections[kind] as Projection<unknown>;
      return [...check(source[kind], child(p, kind)), ...files(source[kind]).flatMap(conflict)];
    });
    return given.length > 1 ? [...own, forbidden(p, 'may not specify more than 1 volume type per source')] : own;
  });
  return [...fileMode(child(path, 'defaultMode'), defaultMode), ...errors];
}

function csiVolume({ driver, nodePublishSecretRef }: CSIVolumeSource, path: string): FieldError[] {
  const errors = csiDriverName(child(path, 'driver'), driver);
  if (!nodePublishSecretRef) return errors;
  const { name } = nodePublishSecretRef;
  if (!name) return [...errors, required(child(path, 'nodePublishSecretRef.name'))];
  return [...errors, ...dns1123Subdomain(name).map((text) => invalidValue(child(path, 'name'), name, text))];
}

const templateMembers = new Set(['annotations', 'labels', 'creationTimestamp']);

/** The claim that is made for one pod: of its metadata only labels and annotations are the writer's. */
function ephemeral({ volumeClaimTemplate: template }: EphemeralVolumeSource, path: string): FieldError[] {
  const at = child(path, 'volumeClaimTemplate');
  if (!template) return [required(at)];
  const meta = child(at, 'metadata');
  const metadata: Partial<ObjectMeta> = template.metadata ?? {};
  return [
    ...validateAnnotations(metadata.annotations, child(meta, 'annotations')),
    ...validateLabels(metadata.labels, child(meta, 'labels')),
    ...Object.entries(metadata)
      .filter(([name, value]) => !templateMembers.has(name) && value)
      .map(([name]) => forbidden(child(meta, name), 'cannot be set')),
    ...validateClaimSpec(template.spec, child(at, 'spec')),
  ];
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

/** Sources in the order they are checked. `inPod` is false for templates: their images may be filled in later. */
const sourcesOf = (inPod: boolean) =>
  podSources({
    emptyDir: ({ sizeLimit }: { sizeLimit?: string }, path) =>
      sizeLimit?.startsWith('-')
        ? [forbidden(child(path, 'sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
        : [],
    gitRepo: members({ repository: there, directory: innerPath }),
    secret: members({ secretName: there, defaultMode: fileMode, items: keyFiles }),
    configMap: members({ name: there, defaultMode: fileMode, items: keyFiles }),
    downwardAPI: ({ defaultMode, items: files }, path) => [
      ...fileMode(child(path, 'defaultMode'), defaultMode),
      ...downwardFiles(path, files),
    ],
    projected,
    csi: csiVolume,
    ephemeral,
    image: ({ reference, pullPolicy }: ImageVolumeSource, path) => [
      ...(inPod ? there(child(path, 'reference'), reference) : []),
      ...requiredOneOf(child(path, 'pullPolicy'), pullPolicy, pullPolicies),
    ],
  });
const podVolumes = sourcesOf(true);
const templateVolumes = sourcesOf(false);

function validateVolume(volume: Volume, path: string, podName: string | undefined): FieldError[] {
  const sources = podName === undefined ? templateVolumes : podVolumes;
  const errors = oneSource(sources, { ...volume, name: undefined }, path);
  const at = child(path, 'name');
  const long = volume.iscsi && initiatorTooLong(volume.name, volume.iscsi);
  if (long) errors.push(invalidValue(at, volume.name, long));
  if (volume.ephemeral && podName && volume.name) {
    const claim = `${podName}-${volume.name}`;
    errors.push(
      ...dns1123Subdomain(claim).map((text) =>
        invalidValue(at, volume.name, `PVC name ${JSON.stringify(claim)}: ${text}`),
      ),
    );
  }
  return [...errors, ...requiredFormatted(at, volume.name, dns1123Label)];
}

/** The volumes of a pod, or of a template when it has no name; `byName` are those that mounts may use. */
export function validateVolumes(
  volumes: Volume[] | undefined,
  path: string,
  podName?: string,
): { errors: FieldError[]; byName: Map<string, Volume> } {
  const byName = new Map<string, Volume>();
  const made = new Set((volumes ?? []).filter((v) => podName && v.ephemeral).map((v) => `${podName}-${v.name}`));
  const errors = each(volumes, path, (volume, p) => {
    const own = validateVolume(volume, p, podName);
    if (byName.has(volume.name)) own.push(duplicate(child(p, 'name'), volume.name));
    if (own.length === 0) byName.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim && made.has(claim))
      own.push(
        invalidValue(
          child(p, 'persistentVolumeClaim.claimName'),
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      );
    return own;
  });
  return { errors, byName };
}
