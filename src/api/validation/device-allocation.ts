import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  DeviceTaintRule,
  NetworkDeviceData,
  ResourceClaimConsumerReference,
  ResourceClaimStatus,
  ResourceResourceClaim,
} from '../generated/types.ts';
import { goForm } from '../schema/go-form.ts';
import {
  child,
  type FieldError,
  forbidden,
  invalidValue,
  required,
  requiredOneOf,
  same,
  tooLong,
  tooMany,
} from './check.ts';
import { validateConditions } from './conditions.ts';
import { deviceConfiguration, requestNames, type RequestNames, requestRef, requestRefs } from './device-claim.ts';
import {
  bindingConditions,
  deviceName,
  distinct,
  driverName,
  interfaceAddress,
  limited,
  parameters,
  poolName,
  taint,
  tolerations,
  uid,
} from './device-parts.ts';
import type { Check } from './members.ts';
import { type DeviceId, deviceKey } from '../resource/device-status.ts';
import { validateNodeSelector } from './placement.ts';

/** What was given to a claim: its status. */

const mostUsers = 256;
const mostResults = 32;
const mostConfigurations = 64;
const mostConditions = 8;
const longestData = 10 * 1024;
const mostAddresses = 16;

const user: Check<ResourceClaimConsumerReference> = (reference, path) =>
  (['resource', 'name', 'uid'] as const).flatMap((name) => (reference[name] ? [] : [required(child(path, name))]));

const identity = ({ driver, pool, device, shareID }: DeviceId, path: string): FieldError[] => [
  ...driverName(child(path, 'driver'), driver ?? ''),
  ...poolName(child(path, 'pool'), pool ?? ''),
  ...deviceName(child(path, 'device'), device ?? ''),
  ...(shareID === undefined ? [] : uid(child(path, 'shareID'), shareID)),
];

const result =
  (names: RequestNames): Check<DeviceRequestAllocationResult> =>
  (one, path) => [
    ...requestRef(names)(one.request ?? '', child(path, 'request')),
    ...identity(one, path),
    ...bindingConditions(one, path),
    ...tolerations(one.tolerations, child(path, 'tolerations')),
  ];

const configuration =
  (names: RequestNames): Check<DeviceAllocationConfiguration> =>
  (config, path) => [
    ...requiredOneOf(child(path, 'source'), config.source, ['FromClaim', 'FromClass']),
    ...requestRefs(config.requests, names, child(path, 'requests')),
    ...deviceConfiguration(config, path),
  ];

function allocation({ devices, nodeSelector }: AllocationResult, names: RequestNames, path: string): FieldError[] {
  const at = child(path, 'devices');
  return [
    ...limited(devices?.results, mostResults, child(at, 'results'), result(names)),
    ...limited(devices?.config, mostConfigurations, child(at, 'config'), configuration(names)),
    ...(nodeSelector ? validateNodeSelector(nodeSelector, child(path, 'nodeSelector')) : []),
  ];
}

function network({ interfaceName = '', hardwareAddress = '', ips }: NetworkDeviceData, path: string): FieldError[] {
  const long = (name: string, value: string, max: number) =>
    Buffer.byteLength(value) > max ? [tooLong(child(path, name), max)] : [];
  return [
    ...long('interfaceName', interfaceName, 256),
    ...long('hardwareAddress', hardwareAddress, 128),
    ...distinct(ips, mostAddresses, child(path, 'ips'), { check: interfaceAddress, key: (address) => address }),
  ];
}

/** What a driver says of a device that was given to the claim. */
const deviceStatus =
  (allocated: ReadonlySet<string>): Check<AllocatedDeviceStatus> =>
  (status, path) => {
    const errors = identity(status, path);
    const at = child(path, 'conditions');
    const count = status.conditions?.length ?? 0;
    if (!allocated.has(deviceKey(status)))
      errors.push(invalidValue(path, deviceKey(status), 'must be an allocated device in the claim'));
    if (count > mostConditions) errors.push(tooMany(at, count, mostConditions));
    errors.push(...validateConditions(status.conditions ?? [], at));
    if (status.data !== undefined) errors.push(...parameters(child(path, 'data'), status.data, longestData));
    return [...errors, ...(status.networkData ? network(status.networkData, child(path, 'networkData')) : [])];
  };

function reservations(claim: ResourceResourceClaim, { reservedFor: old = [] }: ResourceClaimStatus): FieldError[] {
  const { reservedFor: users = [], allocation: given } = claim.status;
  if (users.length === 0) return [];
  const path = 'status.reservedFor';
  if (!given) return [forbidden(path, 'may not be specified when `allocated` is not set')];
  const isOld = (one: ResourceClaimConsumerReference) => old.some((other) => same(one, other));
  if (!claim.metadata.deletionTimestamp || users.every(isOld)) return [];
  const text = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
  return [forbidden(path, text)];
}

export function validateDeviceClaimStatus(
  claim: ResourceResourceClaim,
  { status: old }: Readonly<ResourceResourceClaim>,
): FieldError[] {
  const { reservedFor, devices, allocation: given } = claim.status;
  const allocated = new Set((given?.devices?.results ?? []).map(deviceKey));
  const key = ({ uid: id }: ResourceClaimConsumerReference) => id;
  const errors = [
    ...distinct(reservedFor, mostUsers, 'status.reservedFor', { check: user, key }),
    ...distinct(devices, Number.POSITIVE_INFINITY, 'status.devices', {
      check: deviceStatus(allocated),
      key: deviceKey,
    }),
    ...reservations(claim, old),
  ];
  if (!given || same(given, old.allocation)) return errors;
  const path = 'status.allocation';
  if (old.allocation)
    return [
      ...errors,
      invalidValue(path, goForm('io.k8s.api.resource.v1.AllocationResult', given), 'field is immutable'),
    ];
  return [...errors, ...allocation(given, requestNames(claim.spec.devices ?? {}), path)];
}

export function validateTaintRule({ spec }: DeviceTaintRule): FieldError[] {
  const { driver, pool, device } = spec.deviceSelector ?? {};
  const path = 'spec.deviceSelector';
  return [
    ...(driver === undefined ? [] : driverName(child(path, 'driver'), driver)),
    ...(pool === undefined ? [] : poolName(child(path, 'pool'), pool)),
    ...(device === undefined ? [] : deviceName(child(path, 'device'), device)),
    ...taint(spec.taint, 'spec.taint'),
  ];
}

export function validateTaintRuleStatus({ status }: DeviceTaintRule): FieldError[] {
  const path = 'status.conditions';
  const count = status.conditions?.length ?? 0;
  const errors = validateConditions(status.conditions, path);
  return count > mostConditions ? [...errors, tooMany(path, count, mostConditions)] : errors;
}
