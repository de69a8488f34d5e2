import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedObjectReference } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../meta/name-format.ts';
import { compareQuantity, parseQuantity, wholeValue } from '../meta/quantity.ts';
import { goDiff } from '../schema/go-diff.ts';
import {
  child,
  defined,
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
  validateLabelSelector,
} from './check.ts';
import { isNative } from './resources.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

/** Access modes of claims and volumes. */
export function validateAccessModes(modes: string[] | null | undefined, path: string, detail: string): FieldError[] {
  if (!modes?.length) return [required(path, detail)];
  const errors = modes
    .filter((mode) => !accessModes.includes(mode))
    .map((mode) => notSupported(path, mode, accessModes));
  if (modes.includes('ReadWriteOncePod') && modes.length > 1)
    errors.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  return errors;
}

export const volumeModes = ['Block', 'Filesystem'];

export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const errors = validateAccessModes(
    spec.accessModes,
    child(path, 'accessModes'),
    'at least 1 access mode is required',
  );
  errors.push(...validateLabelSelector(spec.selector, child(path, 'selector')));
  const storage = spec.resources?.requests?.storage;
  const storagePath = keyed(child(path, 'resources'), 'storage');
  if (storage === undefined) errors.push(required(storagePath));
  else if (parseQuantity(storage).nanos <= 0n)
    errors.push(invalidValue(storagePath, storage, 'must be greater than zero'));
  errors.push(...formatted(child(path, 'storageClassName'), spec.storageClassName, dns1123Subdomain));
  errors.push(...oneOf(child(path, 'volumeMode'), spec.volumeMode, volumeModes));
  for (const member of ['dataSource', 'dataSourceRef'] as const)
    if (spec[member]) errors.push(...dataSource(spec[member], child(path, member)));
  errors.push(...sourcesAgree(spec, path));
  return [
    ...errors,
    ...formatted(child(path, 'volumeAttributesClassName'), spec.volumeAttributesClassName, dns1123Subdomain),
  ];
}

function dataSource({ name, kind, apiGroup, namespace }: TypedObjectReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(child(path, 'name')));
  if (!kind) errors.push(required(child(path, 'kind')));
  if (!apiGroup && kind !== 'PersistentVolumeClaim')
    errors.push(invalidValue(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  return [
    ...errors,
    ...formatted(child(path, 'apiGroup'), apiGroup ?? undefined, dns1123Subdomain),
    ...formatted(child(path, 'namespace'), namespace, dns1123Label),
  ];
}

/** The old member and the new one name the same source; only the new one can name one of another namespace. */
function sourcesAgree({ dataSource: old, dataSourceRef: ref }: PersistentVolumeClaimSpec, path: string): FieldError[] {
  if (!old || !ref) return [];
  // Kubernetes shows where the other member is, as it is inside the server.
  const wrong = (detail: string) => [invalidValue(path, {}, detail)];
  if (ref.namespace) return wrong('may not be specified when dataSourceRef.namespace is specified');
  const agree = old.kind === ref.kind && old.name === ref.name && same(old.apiGroup, ref.apiGroup);
  return agree ? [] : wrong('must match dataSourceRef');
}

export const validateClaim = (claim: PersistentVolumeClaim): FieldError[] => validateClaimSpec(claim.spec, 'spec');

const storageOf = (spec: PersistentVolumeClaimSpec): string => spec.resources?.requests?.storage ?? '0';

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** The class may be named once where none is, or where an annotation said so before. */
function namesClass(claim: PersistentVolumeClaim, old: Readonly<PersistentVolumeClaim>): boolean {
  const before = old.metadata.annotations?.[classAnnotation];
  const { storageClassName: given } = claim.spec;
  return given !== undefined && old.spec.storageClassName === undefined && (before === undefined || before === given);
}

/** What a claim may still change: its size and class of attributes once bound, its volume and class while it has none. */
export function validateClaimUpdate(claim: PersistentVolumeClaim, old: Readonly<PersistentVolumeClaim>): FieldError[] {
  const errors: FieldError[] = [];
  const allowed: PersistentVolumeClaimSpec = { ...claim.spec };
  if (!old.spec.volumeName) allowed.volumeName = old.spec.volumeName;
  if (namesClass(claim, old)) allowed.storageClassName = old.spec.storageClassName;
  const bound = claim.status?.phase === 'Bound';
  if (bound && allowed.resources?.requests)
    allowed.resources = {
      ...allowed.resources,
      requests: { ...allowed.resources.requests, storage: storageOf(old.spec) },
    };
  if (bound && allowed.volumeAttributesClassName !== undefined)
    allowed.volumeAttributesClassName = old.spec.volumeAttributesClassName;
  const [before, after] = [old, claim].map(({ metadata }) => metadata.annotations?.[classAnnotation] ?? '');
  if (before !== after && !(namesClass(claim, old) && after === ''))
    errors.push(invalidValue(`metadata.annotations.${classAnnotation}`, after, 'field is immutable'));
  if (!same(defined(allowed), defined(old.spec)))
    errors.push(forbidden('spec', `${fixedSpec}\n${goDiff(claimSpec, old.spec, allowed)}`));
  errors.push(...shrinks(claim, old));
  errors.push(...immutable('volumeMode', claim.spec.volumeMode, old.spec.volumeMode));
  return [...errors, ...attributesUpdate(claim.spec.volumeAttributesClassName, old.spec.volumeAttributesClassName)];
}

/** It may go back to what it has, after an expansion that failed. */
function shrinks(
  { spec }: PersistentVolumeClaim,
  { spec: old, status }: Readonly<PersistentVolumeClaim>,
): FieldError[] {
  const [now, before, has] = [storageOf(spec), storageOf(old), status?.capacity?.storage ?? '0'].map(parseQuantity);
  if (!now || !before || !has) return [];
  if (compareQuantity(now, before) >= 0 || compareQuantity(now, has) > 0) return [];
  return [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')];
}

/** A class of attributes can be exchanged, not taken away. Claims and volumes alike. */
export function attributesUpdate(value: string | undefined, old: string | undefined): FieldError[] {
  const path = 'spec.volumeAttributesClassName';
  if (old === undefined || value === old) return [];
  if (value === undefined) return [forbidden(path, 'update from non-nil value to nil is forbidden')];
  return value === '' ? [forbidden(path, 'update from non-nil value to an empty string is forbidden')] : [];
}

const resizing = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort();

/** Of Kubernetes' own resources a claim has storage. */
function claimResource(name: string, path: string): FieldError[] {
  const errors = keyFormatted(path, name, qualifiedName);
  if (errors.length > 0 || !isNative(name) || name === 'storage') return errors;
  return [notSupported(path, name, ['storage'])];
}

const basicAmount = (amount: string, path: string): FieldError[] =>
  parseQuantity(amount).nanos < 0n ? [invalidValue(path, wholeValue(amount), 'must be a valid resource quantity')] : [];

export function validateClaimStatus({ status }: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, amount] of Object.entries(status?.capacity ?? {}))
    errors.push(...basicAmount(amount, keyed('status.capacity', name)));
  for (const [name, state] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    const path = 'status.allocatedResourceStatus';
    errors.push(...claimResource(name, path));
    if (!resizing.includes(state)) errors.push(notSupported(path, name, resizing));
  }
  for (const [name, amount] of Object.entries(status?.allocatedResources ?? {})) {
    const path = 'status.allocatedResources';
    const wrong = claimResource(name, path);
    errors.push(...(wrong.length > 0 ? wrong : basicAmount(amount, keyed(path, name))));
  }
  return errors;
}

const fixedSpec =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
const claimSpec = 'io.k8s.api.core.v1.PersistentVolumeClaimSpec';
