import { defineConversion } from '../conversion.ts';
import type {
  Device,
  DeviceRequest,
  ResourceClaimSpec,
  ResourceClaimTemplate,
  ResourceDevice,
  ResourceDeviceRequest,
  ResourceResourceClaim,
  ResourceResourceClaimSpec,
  ResourceResourceClaimTemplate,
  ResourceResourceSlice,
  ResourceSlice,
  ResourceV1beta1ResourceClaim,
} from '../generated/types.ts';

/** A request for one kind of device had its members beside its name; later they moved into `exactly`. */
function requestToStored({ name, firstAvailable, ...exactly }: ResourceDeviceRequest): DeviceRequest {
  const alternatives = firstAvailable ? { firstAvailable } : {};
  const isExact = Boolean(exactly.deviceClassName) || Object.keys(exactly).length > 1;
  return { name, ...(isExact ? { exactly } : {}), ...alternatives } as DeviceRequest;
}

const requestFromStored = ({ exactly, ...request }: DeviceRequest): ResourceDeviceRequest =>
  ({ ...request, ...exactly }) as ResourceDeviceRequest;

const specToStored = (spec: ResourceResourceClaimSpec): ResourceClaimSpec =>
  ({
    ...spec,
    devices: { ...spec.devices, requests: spec.devices?.requests?.map(requestToStored) },
  }) as ResourceClaimSpec;

const specFromStored = (spec: ResourceClaimSpec): ResourceResourceClaimSpec =>
  ({
    ...spec,
    devices: { ...spec.devices, requests: spec.devices?.requests?.map(requestFromStored) },
  }) as ResourceResourceClaimSpec;

export const resourceClaimV1beta1 = defineConversion<ResourceV1beta1ResourceClaim, ResourceResourceClaim>({
  toStored: (claim) => ({ ...claim, spec: specToStored(claim.spec) }),
  fromStored: (claim) => ({ ...claim, spec: specFromStored(claim.spec) }),
});

export const resourceClaimTemplateV1beta1 = defineConversion<ResourceResourceClaimTemplate, ResourceClaimTemplate>({
  toStored: (template) => ({ ...template, spec: { ...template.spec, spec: specToStored(template.spec.spec) } }),
  fromStored: (template) => ({ ...template, spec: { ...template.spec, spec: specFromStored(template.spec.spec) } }),
});

const deviceToStored = ({ name, basic }: ResourceDevice): Device => ({ name, ...basic }) as Device;
const deviceFromStored = ({ name, ...basic }: Device): ResourceDevice => ({ name, basic }) as ResourceDevice;

export const resourceSliceV1beta1 = defineConversion<ResourceResourceSlice, ResourceSlice>({
  toStored: (slice) => ({ ...slice, spec: { ...slice.spec, devices: slice.spec.devices?.map(deviceToStored) } }),
  fromStored: (slice) => ({ ...slice, spec: { ...slice.spec, devices: slice.spec.devices?.map(deviceFromStored) } }),
});
