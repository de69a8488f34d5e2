import { parseBlock } from '../../base/ipv4.ts';
import type {
  IPAddress,
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  ParentReference,
  ServiceCIDR,
} from '../generated/types.ts';
import { dns1123Subdomain, pathSegment, portNumber } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import { cidr, familyOf, ipAddress } from './address.ts';
import {
  at,
  child,
  each,
  type FieldError,
  forbidden,
  formatted,
  immutable,
  invalidValue,
  oneOf,
  portNumberOrName,
  required,
  same,
  validateLabelSelector,
} from './check.ts';
import { members, named } from './members.ts';

export function validateNetworkPolicy({ spec }: NetworkPolicy): FieldError[] {
  const errors = [
    ...validateLabelSelector(spec.podSelector, 'spec.podSelector'),
    ...each(spec.ingress, 'spec.ingress', ({ ports, from }, p) => [
      ...each(ports, child(p, 'ports'), policyPort),
      ...each(from, child(p, 'from'), policyPeer),
    ]),
    ...each(spec.egress, 'spec.egress', ({ ports, to }, p) => [
      ...each(ports, child(p, 'ports'), policyPort),
      ...each(to, child(p, 'to'), policyPeer),
    ]),
  ];
  if ((spec.policyTypes?.length ?? 0) > 2)
    return [...errors, invalidValue('spec.policyTypes', spec.policyTypes, 'may not specify more than two policyTypes')];
  return [...errors, ...each(spec.policyTypes, 'spec.policyTypes', (type, p) => oneOf(p, type, ['Ingress', 'Egress']))];
}

function policyPort({ protocol, port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  const errors = oneOf(child(path, 'protocol'), protocol, ['TCP', 'UDP', 'SCTP']);
  if (port !== undefined) errors.push(...portNumberOrName(child(path, 'port'), port));
  if (endPort === undefined) return errors;
  const end = child(path, 'endPort');
  if (typeof port !== 'number') {
    const how = port === undefined ? 'not specified' : 'non-numeric';
    return [...errors, invalidValue(end, endPort, `may not be specified when \`port\` is ${how}`)];
  }
  if (endPort < port) errors.push(invalidValue(end, port, 'must be greater than or equal to `port`'));
  return [...errors, ...portNumber(endPort).map((text) => invalidValue(end, endPort, text))];
}

function policyPeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: string): FieldError[] {
  const errors = [
    ...validateLabelSelector(podSelector, child(path, 'podSelector')),
    ...validateLabelSelector(namespaceSelector, child(path, 'namespaceSelector')),
    ...(ipBlock ? addressBlock(ipBlock, child(path, 'ipBlock')) : []),
  ];
  if (!podSelector && !namespaceSelector && !ipBlock) errors.push(required(path, 'must specify a peer'));
  else if (ipBlock && (podSelector || namespaceSelector))
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  return errors;
}

function addressBlock({ cidr: block, except }: IPBlock, path: string): FieldError[] {
  if (!block) return [required(child(path, 'cidr'))];
  const errors = cidr(child(path, 'cidr'), block);
  if (errors.length > 0) return errors;
  return each(except, child(path, 'except'), (inner, p) => {
    const wrong = cidr(p, inner);
    if (wrong.length > 0) return wrong;
    return insideStrictly(inner, block) ? [] : [invalidValue(p, inner, 'must be a strict subset of `cidr`')];
  });
}

/** Blocks of IPv6 are taken to fit: they are compared where they are used. */
function insideStrictly(inner: string, outer: string): boolean {
  const a = parseBlock(inner);
  const b = parseBlock(outer);
  if (!a || !b) return inner.includes(':') === outer.includes(':');
  return a.prefixLength > b.prefixLength && a.first >= b.first && a.first + a.size <= b.first + b.size;
}

const parentReference = members<ParentReference>({
  group: (path, group) => formatted(path, group, dns1123Subdomain),
  resource: named(pathSegment),
  name: named(pathSegment),
  namespace: (path, namespace) => formatted(path, namespace, pathSegment),
});

export const validateIpAddress = ({ metadata, spec }: IPAddress): FieldError[] => [
  ...ipAddress('metadata.name', metadata.name),
  ...(spec.parentRef ? parentReference(spec.parentRef, 'spec.parentRef') : [required('spec.parentRef')]),
];

export function validateIpAddressUpdate({ spec }: IPAddress, old: Readonly<IPAddress>): FieldError[] {
  if (same(spec.parentRef, old.spec.parentRef)) return [];
  const shown = goForm('io.k8s.api.networking.v1.ParentReference', spec.parentRef);
  return [invalidValue('spec.parentRef', shown, 'field is immutable')];
}

const cidrs = 'spec.cidrs';

export function validateServiceCidr({ spec }: ServiceCIDR): FieldError[] {
  const blocks = spec.cidrs ?? [];
  if (blocks.length === 0) return [required(cidrs, 'at least one CIDR required')];
  if (blocks.length > 2) return [invalidValue(cidrs, { CIDRs: blocks }, 'may only hold up to 2 values')];
  const errors = each(blocks, cidrs, (block, p) => cidr(p, block));
  const [first = '', second] = blocks;
  const detail = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
  if (errors.length === 0 && second !== undefined && familyOf(first) === familyOf(second))
    errors.push(invalidValue(cidrs, blocks, detail));
  return errors;
}

/** A second block may be added; those that are there stay. */
export function validateServiceCidrUpdate({ spec }: ServiceCIDR, { spec: old }: Readonly<ServiceCIDR>): FieldError[] {
  const [blocks, before] = [spec.cidrs ?? [], old.cidrs ?? []];
  if (blocks.length !== before.length && !(before.length === 1 && blocks.length === 2))
    return [invalidValue(cidrs, blocks, 'field is immutable')];
  return before.flatMap((block, i) => immutable(at(cidrs, i), blocks[i], block));
}
