import type {
  Counter,
  CounterSet,
  Device,
  DeviceAttribute,
  DeviceCounterConsumption,
  ResourceSlice,
  ResourceSliceSpec,
} from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import {
  child,
  each,
  type FieldError,
  immutable,
  invalidValue,
  keyed,
  keyFormatted,
  missing,
  required,
  requiredFormatted,
  same,
  tooLong,
} from './check.ts';
import { exclusiveCapacity, sharedCapacity } from './device-capacity.ts';
import {
  attributeName,
  bindingConditions,
  deviceName,
  distinct,
  driverName,
  limited,
  named,
  poolName,
  taint,
} from './device-parts.ts';
import type { Check } from './members.ts';
import { validateNodeSelector } from './placement.ts';

/** What of a driver's devices there is where. */

const mostDevices = 128;
/** Devices with taints or counters are more work for the scheduler. */
const mostInvolvedDevices = 64;
const mostCounterSets = 8;
const mostCounters = 32;
const mostConsumptions = 2;
const mostNamed = 32;
const mostTaints = 16;
const longestValue = 64;
const longestName = 63 + 1 + 32;

const counters = (map: Record<string, Counter> | undefined, path: string): FieldError[] =>
  Object.keys(map ?? {}).length === 0
    ? [required(path)]
    : named(map, path, {
        name: (p, name) => keyFormatted(p, name, dns1123Label),
        value: () => [],
        longest: 63,
        max: mostCounters,
      });

const counterSet: Check<CounterSet> = ({ name, counters: own }, path) => [
  ...requiredFormatted(child(path, 'name'), name, dns1123Label),
  ...counters(own, child(path, 'counters')),
];

const consumption: Check<DeviceCounterConsumption> = ({ counterSet: name, counters: own }, path) => [
  ...requiredFormatted(child(path, 'counterSet'), name, dns1123Label),
  ...counters(own, child(path, 'counters')),
];

const text: Check<string> = (value, path) =>
  Buffer.byteLength(value) > longestValue ? [tooLong(path, longestValue)] : [];

const number = '(0|[1-9]\\d*)';
const preRelease = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const versionShape = new RegExp(
  `^${number}\\.${number}\\.${number}(-${preRelease}(\\.${preRelease})*)?(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$`,
);

const version: Check<string> = (value, path) => [
  // The shape is only asked of what is not too long: it backtracks.
  ...(value.length < 1024 && versionShape.test(value)
    ? []
    : [invalidValue(path, value, 'must be a string compatible with semver.org spec 2.0.0')]),
  ...text(value, path),
];

const attribute: Check<DeviceAttribute> = (value, path) => {
  const errors = [
    ...(value.string === undefined ? [] : text(value.string, child(path, 'string'))),
    ...(value.version === undefined ? [] : version(value.version, child(path, 'version'))),
    ...each(value.strings, child(path, 'strings'), text),
    ...each(value.versions, child(path, 'versions'), version),
  ];
  const count = Object.values(value).filter((one) => one !== undefined).length;
  if (count === 1) return errors;
  const shown = count === 0 ? '' : goForm('io.k8s.api.resource.v1.DeviceAttribute', value);
  return [...errors, invalidValue(path, shown, 'exactly one value must be specified')];
};

type NodeChoice = Pick<ResourceSliceSpec, 'nodeName' | 'nodeSelector' | 'allNodes' | 'perDeviceNodeSelection'>;

/** Which of the ways to say the nodes are used, and what is wrong with them. `noName` is told of an empty name. */
function nodes(choice: NodeChoice, path: string, noName: string): { used: string[]; errors: FieldError[] } {
  const errors: FieldError[] = [];
  const { nodeName: name, nodeSelector: selector } = choice;
  const used: string[] = [];
  if (name) {
    used.push('`nodeName`');
    errors.push(...keyFormatted(child(path, 'nodeName'), name, dns1123Subdomain));
  } else if (name === '') errors.push(invalidValue(child(path, 'nodeName'), name, noName));
  if (selector) {
    used.push('`nodeSelector`');
    errors.push(...validateNodeSelector(selector, child(path, 'nodeSelector')));
  }
  for (const flag of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (choice[flag]) used.push(`\`${flag}\``);
    else if (choice[flag] === false)
      errors.push(invalidValue(child(path, flag), false, 'must be either unset or set to true'));
  }
  return { used, errors };
}

function sliceNodes(spec: ResourceSliceSpec): FieldError[] {
  const { used, errors } = nodes(spec, 'spec', 'must be either unset or set to a non-empty string');
  const terms = spec.nodeSelector?.nodeSelectorTerms ?? [];
  if (spec.nodeSelector && terms.length !== 1) {
    const shown = terms.map((term) => goForm('io.k8s.api.core.v1.NodeSelectorTerm', term));
    const at = 'spec.nodeSelector.nodeSelectorTerms';
    errors.push(invalidValue(at, terms.length > 0 ? shown : null, 'must have exactly one node selector term'));
  }
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (used.length === 0) errors.push(required('spec', one));
  if (used.length > 1) errors.push(invalidValue('spec', `{${used.join(', ')}}`, `${one}, but multiple fields are set`));
  return errors;
}

/** Devices say their nodes where the slice says that they do, and only there. */
function deviceNodes({ nodeName, nodeSelector, allNodes }: Device, path: string, isPerDevice: boolean): FieldError[] {
  const choice = { nodeName, nodeSelector, allNodes };
  if (!isPerDevice) {
    const only =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    return Object.values(choice).some((value) => value !== undefined) ? [invalidValue(path, null, only)] : [];
  }
  const { used, errors } = nodes(choice, path, 'must not be empty');
  const one =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
  if (used.length === 0) errors.push(required(path, one));
  if (used.length > 1) errors.push(invalidValue(path, `{${used.join(', ')}}`, one));
  return errors;
}

const ofNodes = /^(?:cpu|memory|ephemeral-storage|hugepages-.+)$/;

/** Resources of the node that a device stands for. */
function mappings({ nodeAllocatableResourceMappings: all = {}, capacity = {} }: Device, path: string): FieldError[] {
  return Object.entries(all).flatMap(([resource, { capacityKey: key, allocationMultiplier: factor }]) => {
    const at = keyed(path, resource);
    const keyAt = child(at, 'capacityKey');
    const errors: FieldError[] = [];
    if (!ofNodes.test(resource)) errors.push(invalidValue(at, resource, 'must be a node allocatable resource name'));
    if (key === undefined && factor === undefined)
      errors.push(invalidValue(at, '', 'at least one of capacityKey or allocationMultiplier must be set'));
    if (key === '') errors.push(invalidValue(keyAt, '', 'capacityKey must not be an empty string'));
    else if (key !== undefined && !Object.hasOwn(capacity, key)) errors.push(missing(keyAt, key));
    if (factor !== undefined && /^(?:-|0$)/.test(factor))
      errors.push(invalidValue(child(at, 'allocationMultiplier'), factor, 'must be positive'));
    return errors;
  });
}

function device(isPerDevice: boolean, before: ReadonlyMap<string, Device>): Check<Device> {
  return (one, path) => {
    const old = before.get(one.name);
    const errors = deviceName(child(path, 'name'), one.name ?? '');
    const count = Object.keys(one.attributes ?? {}).length + Object.keys(one.capacity ?? {}).length;
    const many = `the total number of attributes and capacities must not exceed ${mostNamed}`;
    if (count > mostNamed) errors.push(invalidValue(path, count, many));
    const keys = { name: attributeName, longest: longestName };
    errors.push(...named(one.attributes, child(path, 'attributes'), { ...keys, value: attribute }));
    const value = one.allowMultipleAllocations ? sharedCapacity : exclusiveCapacity;
    if (!old || !same(old.capacity, one.capacity))
      errors.push(...named(one.capacity, child(path, 'capacity'), { ...keys, value }));
    if (!old || !same(old.taints, one.taints))
      errors.push(...limited(one.taints, mostTaints, child(path, 'taints'), taint));
    const key = ({ counterSet: set }: DeviceCounterConsumption) => set;
    const at = child(path, 'consumesCounters');
    return [
      ...errors,
      ...distinct(one.consumesCounters, mostConsumptions, at, { check: consumption, key }),
      ...deviceNodes(one, path, isPerDevice),
      ...bindingConditions(one, path),
      ...mappings(one, child(path, 'nodeAllocatableResourceMappings')),
    ];
  };
}

const isInvolved = ({ devices }: ResourceSliceSpec): boolean =>
  (devices ?? []).some(({ taints, consumesCounters }) => taints?.length || consumesCounters?.length);

function pool({ pool: { name, generation, resourceSliceCount: count } }: ResourceSliceSpec): FieldError[] {
  const errors = poolName('spec.pool.name', name ?? '');
  if (count <= 0) errors.push(invalidValue('spec.pool.resourceSliceCount', count, 'must be greater than zero'));
  if (generation < 0)
    errors.push(invalidValue('spec.pool.generation', generation, 'must be greater than or equal to zero'));
  return errors;
}

function slice(spec: ResourceSliceSpec, before: readonly Device[]): FieldError[] {
  const errors = [...driverName('spec.driver', spec.driver ?? ''), ...pool(spec), ...sliceNodes(spec)];
  if (spec.sharedCounters && spec.devices)
    errors.push(invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  const old = new Map(before.map((one) => [one.name, one]));
  const check = device(spec.perDeviceNodeSelection === true, old);
  const key = ({ name }: { name: string }) => name;
  return [
    ...errors,
    ...distinct(spec.devices, isInvolved(spec) ? mostInvolvedDevices : mostDevices, 'spec.devices', { check, key }),
    ...distinct(spec.sharedCounters, mostCounterSets, 'spec.sharedCounters', { check: counterSet, key }),
  ];
}

export const validateSlice = ({ spec }: ResourceSlice): FieldError[] => slice(spec, []);

/** What a device has that it had before is not asked again. */
export const validateSliceUpdate = ({ spec }: ResourceSlice, { spec: old }: Readonly<ResourceSlice>): FieldError[] => [
  ...slice(spec, old.devices ?? []),
  ...immutable('spec.pool.name', spec.pool.name, old.pool.name),
  ...immutable('spec.driver', spec.driver, old.driver),
  ...immutable('spec.nodeName', spec.nodeName, old.nodeName),
];
