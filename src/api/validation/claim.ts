import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../generated/types.ts';
import { dns1123Subdomain } from '../meta/name-format.ts';
import { compareQuantity, parseQuantity } from '../meta/quantity.ts';
import {
  child,
  type FieldError,
  forbidden,
  formatted,
  invalidValue,
  keyed,
  notSupported,
  oneOf,
  required,
  same,
  validateLabelSelector,
} from './check.ts';

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
  if (spec.dataSource) errors.push(...dataSource(spec.dataSource, child(path, 'dataSource')));
  if (spec.dataSourceRef) errors.push(...dataSource(spec.dataSourceRef, child(path, 'dataSourceRef')));
  return [
    ...errors,
    ...formatted(child(path, 'volumeAttributesClassName'), spec.volumeAttributesClassName, dns1123Subdomain),
  ];
}

function dataSource(source: { name: string; kind: string; apiGroup?: string | null }, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!source.name) errors.push(required(child(path, 'name')));
  if (!source.kind) errors.push(required(child(path, 'kind')));
  if (!source.apiGroup && source.kind && source.kind !== 'PersistentVolumeClaim')
    errors.push(
      invalidValue(path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"),
    );
  return errors;
}

export const validateClaim = (claim: PersistentVolumeClaim): FieldError[] => validateClaimSpec(claim.spec, 'spec');

const storageOf = (spec: PersistentVolumeClaimSpec): string => spec.resources?.requests?.storage ?? '0';

/** What a claim may still change: its size and class of attributes once bound, its volume while it has none. */
export function validateClaimUpdate(claim: PersistentVolumeClaim, old: Readonly<PersistentVolumeClaim>): FieldError[] {
  const bound = old.status?.phase === 'Bound';
  const allowed: PersistentVolumeClaimSpec = { ...claim.spec };
  if (!old.spec.volumeName) allowed.volumeName = old.spec.volumeName;
  if (bound) {
    allowed.resources = old.spec.resources;
    allowed.volumeAttributesClassName = old.spec.volumeAttributesClassName;
  }
  if (!sameMembers(allowed, old.spec))
    return [
      forbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    ];
  if (compareQuantity(parseQuantity(storageOf(claim.spec)), parseQuantity(storageOf(old.spec))) >= 0) return [];
  return [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')];
}

/** Equality that ignores members set to undefined. */
const sameMembers = (a: object, b: object): boolean => {
  const defined = (o: object) => Object.fromEntries(Object.entries(o).filter(([, value]) => value !== undefined));
  return same(defined(a), defined(b));
};
