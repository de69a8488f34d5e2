import type { PersistentVolume, PersistentVolumeSpec } from '../generated/types.ts';
import { dns1123Subdomain } from '../meta/name-format.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { goDiff } from '../schema/go-diff.ts';
import { goForm } from '../schema/go-form.ts';
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
} from './check.ts';
import { attributesUpdate, validateAccessModes, volumeModes } from './claim.ts';
import { validateNodeSelector } from './placement.ts';
import { initiatorTooLong, oneSource, volumeSources } from './volume-sources.ts';

const core = 'io.k8s.api.core.v1.';

export function validateVolume({ metadata, spec }: PersistentVolume): FieldError[] {
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
  errors.push(...oneSource(volumeSources, spec as unknown as Record<string, unknown>, 'spec'));
  if (spec.local && !spec.nodeAffinity)
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  if (/^\/+$/.test(spec.hostPath?.path ?? '') && spec.persistentVolumeReclaimPolicy === 'Recycle')
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  const long = spec.iscsi && initiatorTooLong(metadata.name, spec.iscsi);
  if (long) errors.push(invalidValue('spec.iscsi.targetportal', spec.iscsi?.targetPortal, long));
  return [
    ...errors,
    ...formatted('spec.storageClassName', spec.storageClassName, dns1123Subdomain),
    ...oneOf('spec.volumeMode', spec.volumeMode, volumeModes),
    ...attributesClass(spec),
  ];
}

function attributesClass({ volumeAttributesClassName: name, csi }: PersistentVolumeSpec): FieldError[] {
  if (name === undefined) return [];
  const path = 'spec.volumeAttributesClassName';
  const errors = name ? keyFormatted(path, name, dns1123Subdomain) : [required(path, 'an empty string is disallowed')];
  if (!csi) errors.push(required('spec.csi', 'has to be specified when using volumeAttributesClassName'));
  return errors;
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
  const source = (s: PersistentVolumeSpec) =>
    Object.fromEntries(Object.keys(volumeSources).map((kind) => [kind, s[kind as keyof PersistentVolumeSpec]]));
  const [now, before] = [source(spec), source(old)];
  // A secret for expansion may be named later.
  if (spec.csi && old.csi && !old.csi.controllerExpandSecretRef)
    now.csi = { ...spec.csi, controllerExpandSecretRef: undefined };
  const errors: FieldError[] = [];
  if (!same(defined(now), defined(before)))
    errors.push(
      forbidden(
        'spec.persistentvolumesource',
        `spec.persistentvolumesource is immutable after creation\n${goDiff(`${core}PersistentVolumeSource`, before, now)}`,
      ),
    );
  errors.push(...immutable('volumeMode', spec.volumeMode, old.volumeMode));
  if (old.nodeAffinity && !same(spec.nodeAffinity, old.nodeAffinity))
    errors.push(
      invalidValue(
        'nodeAffinity',
        goForm(`${core}VolumeNodeAffinity`, spec.nodeAffinity),
        'field is immutable, except for updating from beta label to GA',
      ),
    );
  return [...errors, ...attributesUpdate(spec.volumeAttributesClassName, old.volumeAttributesClassName)];
}

const inInline = 'in the context of inline volumes';

/** The volume that an attachment names in full: a CSI one, with nothing that only stored volumes have. */
export function validateInlineVolume(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const out = (member: string, text = 'may not be specified') =>
    errors.push(forbidden(child(path, member), `${text} ${inInline}`));
  if (spec.claimRef) out('claimRef');
  if (Object.keys(spec.capacity ?? {}).length > 0) out('capacity');
  if (!spec.csi) errors.push(required(child(path, 'csi'), `has to be specified ${inInline}`));
  errors.push(...validateAccessModes(spec.accessModes, child(path, 'accessModes'), ''));
  const policy = spec.persistentVolumeReclaimPolicy;
  if (policy && policy !== 'Retain') out('persistentVolumeReclaimPolicy', 'may only be Retain');
  if (spec.nodeAffinity) out('nodeAffinity');
  errors.push(...oneSource(volumeSources, spec as unknown as Record<string, unknown>, path));
  if (spec.storageClassName) out('storageClassName');
  if (spec.volumeMode && spec.volumeMode !== 'Filesystem')
    out('volumeMode', 'may not specify volumeMode other than Filesystem');
  return errors;
}
