import type { Endpoint, EndpointHints, EndpointSlice } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from '../meta/name-format.ts';
import { validateLabels } from '../meta/object-meta.ts';
import { endpointAddress, familyOf, fullyQualifiedName } from './address.ts';
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
  same,
  tooMany,
} from './check.ts';

const most = { endpoints: 1000, addresses: 100, topology: 16, hints: 8, ports: 20_000 };

export const validateEndpointSlice = (slice: EndpointSlice): FieldError[] => [
  ...requiredOneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6']),
  ...ports(slice),
];

export const validateEndpointSliceCreate = (slice: EndpointSlice): FieldError[] => endpoints(slice);

/** Endpoints that stay are not looked at again: they may be older than a rule. */
export const validateEndpointSliceUpdate = (slice: EndpointSlice, old: Readonly<EndpointSlice>): FieldError[] => [
  ...(same(slice.endpoints, old.endpoints) ? [] : endpoints(slice)),
  ...immutable('addressType', slice.addressType, old.addressType),
];

/** The list itself when it is too long. */
const crowded = (path: string, list: { length: number } | null | undefined, limit: number): FieldError[] =>
  (list?.length ?? 0) > limit ? [tooMany(path, list?.length ?? 0, limit)] : [];

function endpoints({ endpoints: list, addressType }: EndpointSlice): FieldError[] {
  const errors = crowded('endpoints', list, most.endpoints);
  if (errors.length > 0) return errors;
  return each(list, 'endpoints', (endpoint, p) => [
    ...addresses(endpoint, p, addressType),
    ...formatted(child(p, 'nodeName'), endpoint.nodeName, dns1123Subdomain),
    ...topology(endpoint, child(p, 'deprecatedTopology')),
    ...formatted(child(p, 'hostname'), endpoint.hostname, dns1123Label),
    ...hints(endpoint.hints ?? {}, child(p, 'hints')),
  ]);
}

const topology = ({ deprecatedTopology: labels }: Endpoint, path: string): FieldError[] => [
  ...crowded(path, Object.keys(labels ?? {}), most.topology),
  ...validateLabels(labels, path),
];

function addresses({ addresses: list }: Endpoint, path: string, type: string): FieldError[] {
  const at = child(path, 'addresses');
  const errors = list?.length ? crowded(at, list, most.addresses) : [required(at, 'must contain at least 1 address')];
  return [...errors, ...each(list, at, (address, p) => oneAddress(address, p, type))];
}

function oneAddress(address: string, path: string, type: string): FieldError[] {
  if (type === 'FQDN') return fullyQualifiedName(path, address);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const errors = endpointAddress(path, address);
  if (errors.length > 0 || familyOf(address) === type) return errors;
  return [invalidValue(path, address, `must be an ${type} address`)];
}

/** Where traffic should come from: zones and nodes by name, each once. */
function hints({ forZones, forNodes }: EndpointHints, path: string): FieldError[] {
  const named = (
    member: string,
    list: { name: string }[] | undefined,
    check: (p: string, n: string) => FieldError[],
  ) => {
    const at = child(path, member);
    const errors = crowded(at, list, most.hints);
    if (errors.length > 0) return errors;
    const seen = new Set<string>();
    return each(list, at, ({ name }, p) => {
      const own = child(p, 'name');
      const again = seen.has(name) ? [duplicate(own, name)] : [];
      seen.add(name);
      return [...again, ...check(own, name)];
    });
  };
  return [
    ...named('forZones', forZones, (p, name) => keyFormatted(p, name, labelValue)),
    ...named('forNodes', forNodes, (p, name) => keyFormatted(p, name, dns1123Subdomain)),
  ];
}

function ports({ ports: list }: EndpointSlice): FieldError[] {
  const errors = crowded('ports', list, most.ports);
  if (errors.length > 0) return errors;
  const names = new Set<string>();
  return each(list, 'ports', ({ name = '', protocol, appProtocol }, p) => {
    const own = formatted(child(p, 'name'), name, dns1123Label);
    if (names.has(name)) own.push(duplicate(child(p, 'name'), name));
    names.add(name);
    return [
      ...own,
      ...requiredOneOf(child(p, 'protocol'), protocol, ['SCTP', 'TCP', 'UDP']),
      ...formatted(child(p, 'appProtocol'), appProtocol, qualifiedName),
    ];
  });
}
