import type {
  CSIDriver,
  CSIDriverSpec,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageClass,
  StorageTokenRequest,
  TopologySelectorTerm,
  VolumeAttachment,
  VolumeAttributesClass,
  VolumeError,
} from '../generated/types.ts';
import { dns1123Subdomain, qualifiedName, rangeText } from '../meta/name-format.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { goForm } from '../schema/go-form.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  immutable,
  invalidValue,
  keyFormatted,
  nonNegative,
  notSupported,
  oneOf,
  required,
  same,
  tooLong,
  validateLabelSelector,
} from './check.ts';
import { validateInlineVolume } from './persistent-volume.ts';
import { csiDriverName } from './volume-sources.ts';

const storage = 'io.k8s.api.storage.v1.';
const maxBytes = 262_144;
const maxParameters = 512;

const sizeOf = (map: Record<string, string> | undefined): number =>
  Object.entries(map ?? {}).reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);

const driver = (path: string, name: string | undefined): FieldError[] =>
  name ? qualifiedName(name.toLowerCase()).map((text) => invalidValue(path, name, text)) : [required(path)];

function parameterMap(parameters: Record<string, string> | undefined, path: string): FieldError[] {
  const keys = Object.keys(parameters ?? {});
  if (keys.length > maxParameters) return [tooLong(path, maxParameters)];
  const errors = keys.filter((key) => key === '').map((key) => invalidValue(path, key, 'field can not be empty.'));
  return sizeOf(parameters) > maxBytes ? [...errors, tooLong(path, maxBytes)] : errors;
}

export const validateStorageClass = (object: StorageClass): FieldError[] => [
  ...driver('provisioner', object.provisioner),
  ...parameterMap(object.parameters, 'parameters'),
  ...oneOf('reclaimPolicy', object.reclaimPolicy, ['Delete', 'Retain']),
  ...oneOf('volumeBindingMode', object.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
  ...topologies(object.allowedTopologies, 'allowedTopologies'),
];

/** Where volumes may be: each place once, with keys and values that do not repeat. */
function topologies(terms: TopologySelectorTerm[] | undefined, path: string): FieldError[] {
  const seen: unknown[] = [];
  return each(terms, path, ({ matchLabelExpressions: list }, p) => {
    const expressions = child(p, 'matchLabelExpressions');
    const keys = new Set<string>();
    const errors = each(list, expressions, ({ key, values }, ep) => {
      const own = requirement(values, child(ep, 'values'));
      own.push(...keyFormatted(child(ep, 'key'), key, qualifiedName));
      if (keys.has(key)) own.push(duplicate(child(ep, 'key'), key));
      keys.add(key);
      return own;
    });
    const place = Object.fromEntries((list ?? []).map(({ key, values }) => [key, [...(values ?? [])].sort()]));
    if (seen.some((other) => same(other, place))) errors.push(duplicate(expressions, ''));
    seen.push(place);
    return errors;
  });
}

const requirement = (values: string[] | undefined, path: string): FieldError[] =>
  values?.length
    ? values.flatMap((value, i) => (values.indexOf(value) < i ? [duplicate(at(path, i), value)] : []))
    : [required(path)];

/** Members that no update changes. */
const kept = (object: object, old: object, names: readonly string[]): FieldError[] =>
  names
    .filter((name) => !same((object as Record<string, unknown>)[name], (old as Record<string, unknown>)[name]))
    .map((name) => forbidden(name, `updates to ${name} are forbidden.`));

export const validateStorageClassUpdate = (object: StorageClass, old: Readonly<StorageClass>): FieldError[] => [
  ...kept(object, old, ['parameters', 'provisioner', 'reclaimPolicy']),
  ...immutable('volumeBindingMode', object.volumeBindingMode, old.volumeBindingMode),
];

export const validateAttributesClass = ({ driverName, parameters }: VolumeAttributesClass): FieldError[] => [
  ...driver('driverName', driverName),
  ...(Object.keys(parameters ?? {}).length > 0
    ? []
    : [required('parameters', 'must contain at least one key/value pair')]),
  ...parameterMap(parameters, 'parameters'),
];

export const validateAttributesClassUpdate = (
  object: VolumeAttributesClass,
  old: Readonly<VolumeAttributesClass>,
): FieldError[] => kept(object, old, ['driverName', 'parameters']);

export function validateVolumeAttachment({ spec }: VolumeAttachment): FieldError[] {
  const errors = csiDriverName('spec.attacher', spec.attacher);
  const { persistentVolumeName: name, inlineVolumeSpec } = spec.source;
  const path = 'spec.source';
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inlineVolumeSpec && name !== undefined) errors.push(forbidden(path, one));
  else if (inlineVolumeSpec) errors.push(...validateInlineVolume(inlineVolumeSpec, child(path, 'inlineVolumeSpec')));
  else if (name === undefined) errors.push(required(path, one));
  else if (name === '')
    errors.push(required(child(path, 'persistentVolumeName'), 'must specify non empty persistentVolumeName'));
  errors.push(...keyFormatted('spec.nodeName', spec.nodeName, dns1123Subdomain));
  return name ? [...errors, ...keyFormatted(child(path, 'persistentVolumeName'), name, dns1123Subdomain)] : errors;
}

export const validateVolumeAttachmentUpdate = (
  { spec }: VolumeAttachment,
  { spec: old }: Readonly<VolumeAttachment>,
): FieldError[] =>
  same(spec, old) ? [] : [invalidValue('spec', goForm(`${storage}VolumeAttachmentSpec`, spec), 'field is immutable')];

const maxCode = 2_147_483_647;

const volumeError = (error: VolumeError | undefined, path: string): FieldError[] => {
  const { message = '', errorCode: code = 0 } = error ?? {};
  return [
    // The number in the message is another one than the limit, as in Kubernetes.
    ...(message.length > 1024 ? [tooLong(child(path, 'message'), maxBytes)] : []),
    ...(code < 0 || code > maxCode ? [invalidValue(child(path, 'errorCode'), code, rangeText(0, maxCode))] : []),
  ];
};

export const validateVolumeAttachmentStatus = ({ status }: VolumeAttachment): FieldError[] => [
  ...(sizeOf(status?.attachmentMetadata) > maxBytes ? [tooLong('status.attachmentMetadata', maxBytes)] : []),
  ...volumeError(status?.attachError, 'status.attachError'),
  ...volumeError(status?.detachError, 'status.detachError'),
];

const modes = ['Persistent', 'Ephemeral'];

export function validateCsiDriver({ metadata, spec }: CSIDriver): FieldError[] {
  const errors = csiDriverName('name', metadata.name);
  errors.push(...oneOf('spec.fsGroupPolicy', spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']));
  errors.push(...tokens(spec.tokenRequests, 'spec.tokenRequests'));
  for (const mode of spec.volumeLifecycleModes ?? [])
    if (!modes.includes(mode)) errors.push(notSupported('spec.volumeLifecycleModes', mode, modes));
  return [...errors, ...driverExtras(spec)];
}

function driverExtras(spec: CSIDriverSpec): FieldError[] {
  const errors: FieldError[] = [];
  const { nodeAllocatableUpdatePeriodSeconds: period, serviceAccountTokenInSecrets: inSecrets } = spec;
  if (period !== undefined && period < 10)
    errors.push(
      invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds'),
    );
  if (inSecrets !== undefined && !spec.tokenRequests?.length)
    errors.push(
      invalidValue('spec.serviceAccountTokenInSecrets', inSecrets, 'must not be set when `tokenRequests` is empty'),
    );
  return errors;
}

const longestToken = 2 ** 32;

function tokens(list: StorageTokenRequest[] | undefined, path: string): FieldError[] {
  const audiences = (list ?? []).map(({ audience }) => audience);
  return each(list, path, ({ audience, expirationSeconds: seconds }, p, i) => {
    if (audiences.indexOf(audience) < i) return [duplicate(child(p, 'audience'), audience)];
    if (seconds === undefined) return [];
    const wrong = (text: string) => [invalidValue(child(p, 'expirationSeconds'), seconds, text)];
    if (seconds < 600) return wrong('may not specify a duration less than 10 minutes');
    return seconds > longestToken ? wrong('may not specify a duration larger than 2^32 seconds') : [];
  });
}

export const validateCsiDriverUpdate = ({ spec }: CSIDriver, { spec: old }: Readonly<CSIDriver>): FieldError[] => [
  ...immutable('spec.attachedRequired', spec.attachRequired, old.attachRequired),
  ...immutable('spec.volumeLifecycleModes', spec.volumeLifecycleModes, old.volumeLifecycleModes),
];

const longestNodeId = 256;

export function validateCsiNode({ spec }: CSINode): FieldError[] {
  const names = (spec.drivers ?? []).map(({ name }) => name);
  return each(spec.drivers, 'spec.drivers', ({ name, nodeID, allocatable, topologyKeys }, p, i) => {
    const errors = csiDriverName(child(p, 'name'), name);
    if (!nodeID) errors.push(required(child(p, 'nodeID')));
    else if (nodeID.length > longestNodeId)
      errors.push(invalidValue(child(p, 'nodeID'), nodeID, `must be ${longestNodeId} characters or less`));
    errors.push(...nonNegative(child(p, 'allocatable.count'), allocatable?.count));
    if (names.indexOf(name) < i) errors.push(duplicate(child(p, 'name'), name));
    return [...errors, ...topologyKeyErrors(topologyKeys ?? [], p)];
  });
}

const topologyKeyErrors = (keys: string[], path: string): FieldError[] =>
  keys.flatMap((key, i) => [
    ...(key === '' ? [required(path)] : []),
    ...(keys.indexOf(key) < i ? [duplicate(path, key)] : []),
    ...qualifiedName(key).map((text) => invalidValue(path, keys, text)),
  ]);

/** What a node said of a driver stays, but for how many volumes it takes. */
export function validateCsiNodeUpdate({ spec }: CSINode, { spec: old }: Readonly<CSINode>): FieldError[] {
  const fixed = (entry: CSINodeDriver) => ({ ...entry, allocatable: undefined });
  return (old.drivers ?? []).flatMap((before) =>
    (spec.drivers ?? [])
      .filter((entry) => entry.name === before.name && !same(fixed(entry), fixed(before)))
      .map((entry) => invalidValue('CSINodeDriver', goForm(`${storage}CSINodeDriver`, entry), 'field is immutable')),
  );
}

export const validateStorageCapacity = (object: CSIStorageCapacity): FieldError[] => {
  const errors = validateLabelSelector(object.nodeTopology, 'nodeTopology');
  errors.push(...keyFormatted('storageClassName', object.storageClassName, dns1123Subdomain));
  for (const member of ['capacity', 'maximumVolumeSize'] as const) {
    const amount = object[member];
    if (amount !== undefined && parseQuantity(amount).nanos < 0n)
      errors.push(invalidValue(member, amount, 'must be greater than or equal to 0'));
  }
  return errors;
};

export const validateStorageCapacityUpdate = (
  object: CSIStorageCapacity,
  old: Readonly<CSIStorageCapacity>,
): FieldError[] => [
  ...immutable('nodeTopology', object.nodeTopology, old.nodeTopology),
  ...immutable('storageClassName', object.storageClassName, old.storageClassName),
];
