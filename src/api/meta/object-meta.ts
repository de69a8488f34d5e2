import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../generated/types.ts';
import type { Kind } from '../kind.ts';
import { groupResource } from '../resource.ts';
import { child, forbidden, invalidValue, required, tooLong } from './field-error.ts';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  labelValue,
  type NameFormat,
  pathSegment,
  qualifiedName,
} from './name-format.ts';
import type { FieldError } from './status-error.ts';

/** `<group>.<resource>`. */
const storageVersionName: NameFormat = (name) => {
  const dot = name.lastIndexOf('.');
  if (dot < 0) return ['name must be in the form of <group>.<resource>'];
  return [
    ...dns1123Subdomain(name.slice(0, dot)).map((text) => `the group segment ${text}`),
    ...dns1035Label(name.slice(dot + 1)).map((text) => `the resource segment ${text}`),
  ];
};

/** Kinds whose names follow another format than a DNS subdomain. Formats that need the spec are the kind's own rules. */
const nameFormats: Record<string, NameFormat> = {
  namespaces: dns1123Label,
  services: dns1123Label,
  'statefulsets.apps': dns1123Label,
  'roles.rbac.authorization.k8s.io': pathSegment,
  'clusterroles.rbac.authorization.k8s.io': pathSegment,
  'rolebindings.rbac.authorization.k8s.io': pathSegment,
  'clusterrolebindings.rbac.authorization.k8s.io': pathSegment,
  'certificatesigningrequests.certificates.k8s.io': () => [],
  'ipaddresses.networking.k8s.io': () => [],
  'clustertrustbundles.certificates.k8s.io': () => [],
  'csidrivers.storage.k8s.io': pathSegment,
  'leasecandidates.coordination.k8s.io': pathSegment,
  'apiservices.apiregistration.k8s.io': pathSegment,
  'customresourcedefinitions.apiextensions.k8s.io': () => [],
  'storageversions.internal.apiserver.k8s.io': storageVersionName,
};

const maxAnnotationBytes = 262_144;

type NamedKind = Pick<Kind, 'group' | 'resource' | 'namespaced'> & { stability?: string };

const nameFormatOf = (kind: NamedKind): NameFormat => nameFormats[groupResource(kind)] ?? dns1123Subdomain;

/** A name made of `generateName` may end in a dash. */
const prefixChecked = (format: NameFormat, prefix: string): string[] =>
  format(prefix.endsWith('-') ? `${prefix.slice(0, -1)}a` : prefix);

/** The rules of metadata at creation, after a name was generated. */
export function validateObjectMeta(kind: NamedKind, metadata: ObjectMeta, path = 'metadata'): FieldError[] {
  const format = nameFormatOf(kind);
  const errors: FieldError[] = [];
  const { name, generateName } = metadata;
  if (generateName)
    for (const text of prefixChecked(format, generateName))
      errors.push(invalidValue(child(path, 'generateName'), generateName, text));
  if (!name) errors.push(required(child(path, 'name'), 'name or generateName is required'));
  else for (const text of format(name)) errors.push(invalidValue(child(path, 'name'), name, text));
  errors.push(...validateNamespace(kind, metadata.namespace, child(path, 'namespace')));
  return [
    ...errors,
    ...generationErrors(metadata, path),
    ...validateSharedMeta(metadata, path),
    ...validateFinalizers(kind, metadata.finalizers ?? [], child(path, 'finalizers')),
  ];
}

function validateNamespace(kind: NamedKind, namespace: string | undefined, path: string): FieldError[] {
  if (!kind.namespaced) return namespace ? [forbidden(path, 'not allowed on this type')] : [];
  if (!namespace) return [required(path)];
  return dns1123Label(namespace).map((text) => invalidValue(path, namespace, text));
}

const generationErrors = ({ generation = 0 }: Partial<ObjectMeta>, path: string): FieldError[] =>
  generation < 0 ? [invalidValue(child(path, 'generation'), generation, 'must be greater than or equal to 0')] : [];

/** The rules of metadata on update. */
export function validateObjectMetaUpdate(
  kind: NamedKind,
  metadata: ObjectMeta,
  old: Readonly<ObjectMeta>,
): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp) errors.push(...noFurtherFinalizers(metadata.finalizers ?? [], old.finalizers ?? []));
  if (!metadata.resourceVersion)
    errors.push(invalidValue('metadata.resourceVersion', '', 'must be specified for an update'));
  if ((metadata.generation ?? 0) < (old.generation ?? 0))
    errors.push(invalidValue('metadata.generation', metadata.generation ?? 0, 'must not be decremented'));
  for (const member of immutable)
    if ((metadata[member] ?? '') !== (old[member] ?? ''))
      errors.push(invalidValue(`metadata.${member}`, metadata[member] ?? null, 'field is immutable'));
  const finalizers = standardFinalizers(kind, metadata.finalizers ?? [], 'metadata.finalizers');
  return [...errors, ...validateSharedMeta(metadata, 'metadata'), ...finalizers];
}

const immutable = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

function noFurtherFinalizers(finalizers: string[], old: readonly string[]): FieldError[] {
  const added = finalizers.filter((f) => !old.includes(f)).sort();
  if (added.length === 0) return [];
  const list = `[]string{${added.map((f) => JSON.stringify(f)).join(', ')}}`;
  return [
    forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`,
    ),
  ];
}

const validateSharedMeta = (metadata: ObjectMeta, path: string): FieldError[] => [
  ...validateLabels(metadata.labels, child(path, 'labels')),
  ...validateAnnotations(metadata.annotations, child(path, 'annotations')),
  ...validateOwners(metadata.ownerReferences ?? [], child(path, 'ownerReferences')),
  ...validateManagedFields(metadata.managedFields ?? [], child(path, 'managedFields')),
];

/** The rules of metadata inside of another object: what is not there is not asked for. */
export const validateEmbeddedMeta = (metadata: Partial<ObjectMeta>, path: string): FieldError[] => [
  ...(metadata.name ? dns1123Subdomain(metadata.name) : []).map((text) =>
    invalidValue(child(path, 'name'), metadata.name, text),
  ),
  ...(metadata.namespace ? dns1123Label(metadata.namespace) : []).map((text) =>
    invalidValue(child(path, 'namespace'), metadata.namespace, text),
  ),
  ...generationErrors(metadata, path),
  ...validateSharedMeta(metadata as ObjectMeta, path),
];

/** Labels: every key and value of a map. */
export function validateLabels(labels: Record<string, string> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const text of qualifiedName(key)) errors.push(invalidValue(path, key, text));
    for (const text of labelValue(value)) errors.push(invalidValue(path, value, text));
  }
  return errors;
}

export function validateAnnotations(annotations: Record<string, string> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const text of qualifiedName(key.toLowerCase())) errors.push(invalidValue(path, key, text));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > maxAnnotationBytes) errors.push(tooLong(path, maxAnnotationBytes));
  return errors;
}

function validateOwners(owners: OwnerReference[], path: string): FieldError[] {
  if (owners.length === 0) return [];
  const errors = owners.flatMap((owner) => validateOwner(owner, path));
  const [first, second] = owners.filter((owner) => owner.controller).map((owner) => `${owner.kind}/${owner.name}`);
  if (first && second)
    errors.push(
      invalidValue(
        path,
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${first} and ${second}`,
      ),
    );
  return errors;
}

function validateOwner(owner: OwnerReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const version = owner.apiVersion.split('/').at(-1) ?? '';
  if (!version) errors.push(invalidValue(child(path, 'apiVersion'), owner.apiVersion, 'version must not be empty'));
  for (const member of ['kind', 'name', 'uid'] as const)
    if (!owner[member]) errors.push(invalidValue(child(path, member), owner[member], 'must not be empty'));
  if (owner.apiVersion === 'v1' && owner.kind === 'Event')
    errors.push(invalidValue(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
  return errors;
}

const wellKnownFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Groups, besides custom ones, whose finalizers may have any qualified name. */
const freeFinalizers = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io', 'admissionregistration.k8s.io']);

const standardFinalizers = (kind: NamedKind, finalizers: string[], path: string): FieldError[] =>
  kind.stability === 'custom' || freeFinalizers.has(kind.group)
    ? []
    : finalizers.flatMap((f, i) => standardFinalizer(f, `${path}[${i}]`));

function standardFinalizer(finalizer: string, path: string): FieldError[] {
  if (finalizer.includes('/') || wellKnownFinalizers.has(finalizer)) return [];
  const text = 'name is neither a standard finalizer name nor is it fully qualified';
  return [invalidValue(path, finalizer, text)];
}

function validateFinalizers(kind: NamedKind, finalizers: string[], path: string): FieldError[] {
  const errors = finalizers.flatMap((f) => qualifiedName(f).map((text) => invalidValue(path, f, text)));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    errors.push(invalidValue(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  errors.push(...standardFinalizers(kind, finalizers, path));
  return errors;
}

function validateManagedFields(entries: ManagedFieldsEntry[], path: string): FieldError[] {
  return entries.flatMap((entry, i) => {
    if (isPlainEntry(entry)) return [];
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (entry.operation !== 'Apply' && entry.operation !== 'Update')
      errors.push(invalidValue(child(at, 'operation'), entry.operation ?? '', 'must be `Apply` or `Update`'));
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1')
      errors.push(invalidValue(child(at, 'fieldsType'), entry.fieldsType, 'must be `FieldsV1`'));
    errors.push(...validateFieldManager(entry.manager ?? '', child(at, 'manager')));
    if ((entry.subresource ?? '').length > 256) errors.push(tooLong(child(at, 'subresource'), 256));
    return errors;
  });
}

/** As the server itself writes them: nearly all. */
const isPlainEntry = ({ operation, fieldsType, manager, subresource = '' }: ManagedFieldsEntry): boolean =>
  (operation === 'Update' || operation === 'Apply') &&
  fieldsType === 'FieldsV1' &&
  plainManager.test(manager ?? '') &&
  subresource.length <= 256;

const plainManager = /^[ -~]{0,128}$/;

/** The name of a field manager: a query parameter of every write. */
export function validateFieldManager(manager: string, path: string): FieldError[] {
  // Asked for each manager in each write: nearly all are plain text.
  if (plainManager.test(manager)) return [];
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > 128) errors.push(tooLong(path, 128));
  const bad = [...manager].findIndex((c) => /[\p{C}\p{Z}]/u.test(c) && c !== ' ');
  if (bad >= 0) {
    const c = [...manager][bad] as string;
    const code = (c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    errors.push(invalidValue(path, manager, `invalid character U+${code} (at position ${bad})`));
  }
  return errors;
}
