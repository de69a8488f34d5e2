import type {
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceClass,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaimTemplate,
  ResourceResourceClaim,
} from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain } from '../meta/name-format.ts';
import { validateEmbeddedMeta } from '../meta/object-meta.ts';
import { goForm } from '../schema/go-form.ts';
import {
  child,
  type FieldError,
  invalidValue,
  keyFormatted,
  notSupported,
  required,
  requiredFormatted,
  same,
} from './check.ts';
import {
  distinct,
  driverName,
  fullAttributeName,
  limited,
  parameters,
  selectors,
  tolerations,
} from './device-parts.ts';
import type { Check } from './members.ts';
import { isExtended } from './resources.ts';

const types = 'io.k8s.api.resource.v1.';
const most = 32;
const mostAlternatives = 8;
const longestParameters = 10 * 1024;

/** The requests of a claim by name, with the names of their alternatives. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string>>;

export const requestNames = ({ requests }: DeviceClaim): RequestNames =>
  new Map((requests ?? []).map(({ name, firstAvailable }) => [name, new Set(firstAvailable?.map((one) => one.name))]));

const isKnown = (names: RequestNames, [request = '', alternative]: readonly string[]): boolean =>
  names.has(request) && (alternative === undefined || names.get(request)?.has(alternative) === true);

/** `request` or `request/alternative` of the claim. */
export function requestRef(names: RequestNames): Check<string> {
  return (name, path) => {
    const parts = name.split('/');
    const text =
      "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
    const unknown = isKnown(names, parts) ? [] : [invalidValue(path, name, text)];
    if (parts.length > 2) return [invalidValue(path, name, text)];
    return [...parts.flatMap((part) => keyFormatted(path, part, dns1123Label)), ...unknown];
  };
}

export const requestRefs = (list: readonly string[] | undefined, names: RequestNames, path: string): FieldError[] =>
  distinct(list, most, path, { check: requestRef(names), key: (name) => name });

/** Who configures a device, and what that driver shall read. */
export function deviceConfiguration({ opaque }: DeviceConfiguration, path: string): FieldError[] {
  const at = child(path, 'opaque');
  if (!opaque) return [required(at)];
  return [
    ...driverName(child(at, 'driver'), opaque.driver ?? ''),
    ...parameters(child(at, 'parameters'), opaque.parameters, longestParameters),
  ];
}

const modes = ['All', 'ExactCount'];

function allocation(
  { allocationMode: mode = '', count = 0 }: { allocationMode?: string; count?: number },
  path: string,
): FieldError[] {
  const at = child(path, 'count');
  if (!modes.includes(mode)) return [notSupported(child(path, 'allocationMode'), mode, modes)];
  if (mode === 'ExactCount') return count > 0 ? [] : [invalidValue(at, count, 'must be greater than zero')];
  return count === 0 ? [] : [invalidValue(at, count, `must not be specified when allocationMode is '${mode}'`)];
}

const wanted: Check<ExactDeviceRequest> = (request, path) => [
  ...requiredFormatted(child(path, 'deviceClassName'), request.deviceClassName, dns1123Subdomain),
  ...selectors(request.selectors, child(path, 'selectors')),
  ...allocation(request, path),
  ...tolerations(request.tolerations, child(path, 'tolerations')),
];

const alternative: Check<DeviceSubRequest> = (request, path) => [
  ...keyFormatted(child(path, 'name'), request.name ?? '', dns1123Label),
  ...wanted(request, path),
];

const request: Check<DeviceRequest> = ({ name, exactly, firstAvailable = [] }, path) => {
  const errors = keyFormatted(child(path, 'name'), name ?? '', dns1123Label);
  const one = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable.length > 0)
    return [...errors, invalidValue(path, null, `${one}, but multiple fields are set`)];
  if (exactly) return [...errors, ...wanted(exactly, child(path, 'exactly'))];
  if (firstAvailable.length === 0) return [...errors, required(path, one)];
  const key = (sub: DeviceSubRequest) => sub.name;
  const at = child(path, 'firstAvailable');
  return [...errors, ...distinct(firstAvailable, mostAlternatives, at, { check: alternative, key })];
};

const constraint =
  (names: RequestNames): Check<DeviceConstraint> =>
  ({ requests, matchAttribute: match, distinctAttribute: differ }, path) => {
    const errors = requestRefs(requests, names, child(path, 'requests'));
    if (match !== undefined) return [...errors, ...fullAttributeName(child(path, 'matchAttribute'), match)];
    if (differ !== undefined) return [...errors, ...fullAttributeName(child(path, 'distinctAttribute'), differ)];
    const text = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
    return [...errors, required(path, text)];
  };

const configuration =
  (names: RequestNames): Check<DeviceClaimConfiguration> =>
  (config, path) => [
    ...requestRefs(config.requests, names, child(path, 'requests')),
    ...deviceConfiguration(config, path),
  ];

function deviceClaim(claim: DeviceClaim | undefined, path: string): FieldError[] {
  if (!claim) return [];
  const names = requestNames(claim);
  return [
    ...distinct(claim.requests, most, child(path, 'requests'), { check: request, key: ({ name }) => name }),
    ...limited(claim.constraints, most, child(path, 'constraints'), constraint(names)),
    ...limited(claim.config, most, child(path, 'config'), configuration(names)),
  ];
}

/** A claim is as it was made: rules of its spec hold when it is made. */
export const validateDeviceClaim = ({ spec }: ResourceResourceClaim): FieldError[] =>
  deviceClaim(spec.devices, 'spec.devices');

const keptSpec = (type: string, spec: unknown, old: unknown): FieldError[] =>
  same(spec, old) ? [] : [invalidValue('spec', goForm(`${types}${type}`, spec), 'field is immutable')];

export const validateDeviceClaimUpdate = (
  { spec }: ResourceResourceClaim,
  { spec: old }: Readonly<ResourceResourceClaim>,
): FieldError[] => keptSpec('ResourceClaimSpec', spec, old);

export const validateClaimTemplate = ({ spec }: ResourceClaimTemplate): FieldError[] => [
  ...validateEmbeddedMeta(spec.metadata ?? {}, 'spec.metadata'),
  ...deviceClaim(spec.spec.devices, 'spec.spec.devices'),
];

export const validateClaimTemplateUpdate = (
  { spec }: ResourceClaimTemplate,
  { spec: old }: Readonly<ResourceClaimTemplate>,
): FieldError[] => keptSpec('ResourceClaimTemplateSpec', spec, old);

export function validateDeviceClass({ spec }: DeviceClass): FieldError[] {
  const { extendedResourceName: name } = spec;
  const errors = selectors(spec.selectors, 'spec.selectors');
  errors.push(...limited(spec.config, most, 'spec.config', deviceConfiguration));
  if (name !== undefined && !isExtended(name))
    errors.push(invalidValue('spec.extendedResourceName', name, 'must be a valid extended resource name'));
  return errors;
}
