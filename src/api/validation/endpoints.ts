import type { Endpoint, Endpoints, EndpointSlice, EndpointSubset } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../meta/name-format.ts';
import { endpointAddress, familyOf } from './address.ts';
import {
  child,
  duplicate,
  each,
  type FieldError,
  formatted,
  immutable,
  invalidValue,
  keyFormatted,
  required,
  requiredOneOf,
  tooMany,
} from './check.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];

export const validateEndpoints = ({ subsets }: Endpoints): FieldError[] => each(subsets, 'subsets', subset);

function subset({ addresses, notReadyAddresses, ports }: EndpointSubset, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!addresses?.length && !notReadyAddresses?.length)
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  for (const member of ['addresses', 'notReadyAddresses'] as const) {
    const list = member === 'addresses' ? addresses : notReadyAddresses;
    errors.push(
      ...each(list, child(path, member), ({ ip, hostname, nodeName }, p) => [
        ...endpointAddress(child(p, 'ip'), ip),
        ...formatted(child(p, 'hostname'), hostname, dns1123Label),
        ...formatted(child(p, 'nodeName'), nodeName, dns1123Subdomain),
      ]),
    );
  }
  const several = (ports?.length ?? 0) > 1;
  return [
    ...errors,
    ...each(ports, child(path, 'ports'), ({ name, port, protocol, appProtocol }, p) => [
      ...(several && !name ? [required(child(p, 'name'))] : formatted(child(p, 'name'), name, dns1123Label)),
      ...portNumber(port).map((text) => invalidValue(child(p, 'port'), port, text)),
      ...requiredOneOf(child(p, 'protocol'), protocol, protocols),
      ...formatted(child(p, 'appProtocol'), appProtocol, qualifiedName),
    ]),
  ];
}

export function validateEndpointSlice(slice: EndpointSlice): FieldError[] {
  return [
    ...requiredOneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6']),
    ...sliceEndpoints(slice),
    ...slicePorts(slice),
  ];
}

function sliceEndpoints({ endpoints, addressType }: EndpointSlice): FieldError[] {
  if ((endpoints?.length ?? 0) > 1000) return [tooMany('endpoints', endpoints?.length ?? 0, 1000)];
  return each(endpoints, 'endpoints', (endpoint, p) => [
    ...sliceAddresses(endpoint, p, addressType),
    ...formatted(child(p, 'nodeName'), endpoint.nodeName, dns1123Subdomain),
    ...formatted(child(p, 'hostname'), endpoint.hostname, dns1123Label),
    ...((endpoint.hints?.forZones?.length ?? 0) > 8
      ? [tooMany(child(p, 'hints.forZones'), endpoint.hints?.forZones?.length ?? 0, 8)]
      : []),
    ...((endpoint.hints?.forNodes?.length ?? 0) > 8
      ? [tooMany(child(p, 'hints.forNodes'), endpoint.hints?.forNodes?.length ?? 0, 8)]
      : []),
  ]);
}

function sliceAddresses({ addresses }: Endpoint, path: string, addressType: string): FieldError[] {
  const at = child(path, 'addresses');
  if (!addresses?.length) return [required(at, 'must contain at least 1 address')];
  if (addresses.length > 100) return [tooMany(at, addresses.length, 100)];
  return each(addresses, at, (address, p) => {
    if (addressType === 'FQDN') return keyFormatted(p, address, dns1123Subdomain);
    const errors = endpointAddress(p, address);
    if (errors.length === 0 && familyOf(address) !== addressType)
      errors.push(invalidValue(p, address, `must be an ${addressType} address`));
    return errors;
  });
}

function slicePorts({ ports }: EndpointSlice): FieldError[] {
  if ((ports?.length ?? 0) > 20_000) return [tooMany('ports', ports?.length ?? 0, 20_000)];
  const names = new Set<string>();
  return each(ports, 'ports', ({ name = '', protocol, appProtocol }, p) => {
    const errors = formatted(child(p, 'name'), name, dns1123Label);
    if (names.has(name)) errors.push(duplicate(child(p, 'name'), name));
    names.add(name);
    return [
      ...errors,
      ...requiredOneOf(child(p, 'protocol'), protocol, protocols),
      ...formatted(child(p, 'appProtocol'), appProtocol, qualifiedName),
    ];
  });
}

export const validateEndpointSliceUpdate = (slice: EndpointSlice, old: Readonly<EndpointSlice>): FieldError[] =>
  immutable('addressType', slice.addressType, old.addressType);
