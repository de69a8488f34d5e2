import { isIP } from 'node:net';
import { parseBlock } from '../../base/ipv4.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../generated/types.ts';
import { dns1035Label, dns1123Subdomain, portName, portNumber, wildcardDns1123Subdomain } from '../meta/name-format.ts';
import { cidr } from './address.ts';
import {
  child,
  each,
  type FieldError,
  forbidden,
  formatted,
  immutable,
  invalidValue,
  keyFormatted,
  oneOf,
  portNumberOrName,
  required,
  requiredFormatted,
  requiredOneOf,
  validateLabelSelector,
} from './check.ts';

export function validateIngress({ spec }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.rules?.length && !spec.defaultBackend)
    errors.push(invalidValue('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified'));
  if (spec.defaultBackend) errors.push(...backend(spec.defaultBackend, 'spec.defaultBackend'));
  errors.push(...each(spec.rules, 'spec.rules', ingressRule));
  errors.push(
    ...each(spec.tls, 'spec.tls', ({ hosts, secretName }, p) => [
      ...each(hosts, child(p, 'hosts'), (host, hp) => hostName(hp, host)),
      ...formatted(child(p, 'secretName'), secretName, dns1123Subdomain),
    ]),
  );
  return [...errors, ...formatted('spec.ingressClassName', spec.ingressClassName, dns1123Subdomain)];
}

const hostName = (path: string, host: string): FieldError[] =>
  keyFormatted(path, host, host.includes('*') ? wildcardDns1123Subdomain : dns1123Subdomain);

function ingressRule({ host, http }: IngressRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host) {
    if (isIP(host)) errors.push(invalidValue(child(path, 'host'), host, 'must be a DNS name, not an IP address'));
    errors.push(...hostName(child(path, 'host'), host));
  }
  if (!http) return errors;
  const paths = child(path, 'http.paths');
  return http.paths?.length ? [...errors, ...each(http.paths, paths, httpPath)] : [...errors, required(paths)];
}

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const badInside = ['//', '/./', '/../', '%2f', '%2F'];
const badAtEnd = ['/..', '/.'];

function httpPath(rule: HTTPIngressPath, path: string): FieldError[] {
  const { pathType, path: given = '' } = rule;
  if (!pathType) return [required(child(path, 'pathType'), 'pathType must be specified')];
  const at = child(path, 'path');
  const errors: FieldError[] = [];
  if (!pathTypes.includes(pathType)) return oneOf(child(path, 'pathType'), pathType, pathTypes);
  const strict = pathType !== 'ImplementationSpecific';
  if ((strict || given !== '') && !given.startsWith('/'))
    errors.push(invalidValue(at, given, 'must be an absolute path'));
  if (strict && given !== '') {
    for (const text of badInside)
      if (given.includes(text)) errors.push(invalidValue(at, given, `must not contain '${text}'`));
    for (const text of badAtEnd)
      if (given.endsWith(text)) errors.push(invalidValue(at, given, `cannot end with '${text}'`));
  }
  return [...errors, ...backend(rule.backend, child(path, 'backend'))];
}

function backend({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service && resource) return [invalidValue(path, '', 'cannot set both resource and service backends')];
  if (resource) {
    const at = child(path, 'resource');
    return [
      ...(resource.kind ? [] : [required(child(at, 'kind'))]),
      ...(resource.name ? [] : [required(child(at, 'name'))]),
    ];
  }
  if (!service) return [invalidValue(path, '', 'resource or service backend is required')];
  const at = child(path, 'service');
  const errors = requiredFormatted(child(at, 'name'), service.name, dns1035Label);
  const { name, number } = service.port ?? {};
  const port = child(at, 'port');
  if (name && number) errors.push(invalidValue(path, '', 'cannot set both port name & port number'));
  else if (name) errors.push(...keyFormatted(child(port, 'name'), name, portName));
  else if (number) errors.push(...portNumber(number).map((text) => invalidValue(child(port, 'number'), number, text)));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}

export function validateIngressClass({ spec }: IngressClass): FieldError[] {
  const errors: FieldError[] = [];
  if (!spec.controller) errors.push(required('spec.controller'));
  else if (spec.controller.length > 250)
    errors.push({
      type: 'FieldValueTooLong',
      field: 'spec.controller',
      message: 'Too long: may not be more than 250 bytes',
    });
  else if (!/^[^/]+\/.+$/.test(spec.controller))
    errors.push(
      invalidValue('spec.controller', spec.controller, 'must be a domain-prefixed path (such as "acme.io/foo")'),
    );
  const { parameters } = spec;
  if (!parameters) return errors;
  const path = 'spec.parameters';
  errors.push(
    ...(parameters.kind ? [] : [required(child(path, 'kind'))]),
    ...(parameters.name ? [] : [required(child(path, 'name'))]),
  );
  errors.push(...requiredOneOf(child(path, 'scope'), parameters.scope ?? undefined, ['Cluster', 'Namespace']));
  if (parameters.scope === 'Namespace' && !parameters.namespace)
    errors.push(required(child(path, 'namespace'), "`parameters.scope` is set to 'Namespace'"));
  if (parameters.scope === 'Cluster' && parameters.namespace)
    errors.push(forbidden(child(path, 'namespace'), "`parameters.scope` is set to 'Cluster'"));
  return errors;
}

export const validateIngressClassUpdate = (object: IngressClass, old: Readonly<IngressClass>): FieldError[] =>
  immutable('spec.controller', object.spec.controller, old.spec.controller);

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
  const end = child(path, 'endPort');
  if (port === undefined)
    return endPort === undefined
      ? errors
      : [...errors, required(child(path, 'port'), 'must be specified when `endPort` is specified')];
  errors.push(...portNumberOrName(child(path, 'port'), port));
  if (endPort === undefined) return errors;
  if (typeof port === 'string')
    return [...errors, invalidValue(end, endPort, 'may not be specified when `port` is non-numeric')];
  if (endPort < port) errors.push(invalidValue(end, endPort, 'must be greater than or equal to `port`'));
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
