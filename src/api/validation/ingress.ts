import { isIP } from 'node:net';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressRule,
  IngressServiceBackend,
  IngressSpec,
  TypedLocalObjectReference,
} from '../generated/types.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  pathSegment,
  portName,
  portNumber,
  wildcardDns1123Subdomain,
} from '../meta/name-format.ts';
import { ipAddress } from './address.ts';
import {
  child,
  domainPrefixedPath,
  each,
  type FieldError,
  forbidden,
  formatted,
  immutable,
  invalidValue,
  keyFormatted,
  notSupported,
  required,
  requiredFormatted,
  tooLong,
} from './check.ts';
import { inner, members } from './members.ts';

export const validateIngress = ({ spec }: Ingress): FieldError[] =>
  spec.rules?.length || spec.defaultBackend
    ? ingressSpec(spec, 'spec')
    : [
        invalidValue('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified'),
        ...ingressSpec(spec, 'spec'),
      ];

const classKey = 'kubernetes.io/ingress.class';

/** The annotation is what chose a class before there was a member for it. */
export function validateIngressCreate({ metadata, spec }: Ingress): FieldError[] {
  const old = metadata.annotations?.[classKey];
  if (old === undefined || spec.ingressClassName === undefined || old === spec.ingressClassName) return [];
  return [invalidValue(`annotations.${classKey}`, old, 'must match `ingressClassName` when both are specified')];
}

const notAnIp = (path: string, host: string): FieldError[] =>
  isIP(host) ? [invalidValue(path, host, 'must be a DNS name, not an IP address')] : [];

export const validateIngressStatus = ({ status }: Ingress): FieldError[] =>
  each(status?.loadBalancer?.ingress, 'status.loadBalancer.ingress', ({ ip, hostname }, p) => [
    ...(ip ? ipAddress(child(p, 'ip'), ip) : []),
    ...formatted(child(p, 'hostname'), hostname, dns1123Subdomain),
    ...notAnIp(child(p, 'hostname'), hostname ?? ''),
  ]);

const hostName = (path: string, host: string): FieldError[] =>
  keyFormatted(path, host, host.includes('*') ? wildcardDns1123Subdomain : dns1123Subdomain);

const ingressSpec = members<IngressSpec>({
  defaultBackend: inner(backend),
  rules: (path, rules) => each(rules, path, ingressRule),
  tls: (path, list) =>
    each(list, path, ({ hosts, secretName }, p) => [
      ...each(hosts, child(p, 'hosts'), (host, hp) => hostName(hp, host)),
      ...formatted(child(p, 'secretName'), secretName, dns1123Subdomain),
    ]),
  ingressClassName: (path, name) => (name === undefined ? [] : keyFormatted(path, name, dns1123Subdomain)),
});

function ingressRule({ host, http }: IngressRule, path: string): FieldError[] {
  const at = child(path, 'host');
  const errors = host ? [...notAnIp(at, host), ...hostName(at, host)] : [];
  if (!http) return errors;
  const paths = child(path, 'http.paths');
  return http.paths?.length ? [...errors, ...each(http.paths, paths, httpPath)] : [...errors, required(paths)];
}

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const badInside = ['//', '/./', '/../', '%2f', '%2F'];
const badAtEnd = ['/..', '/.'];

function httpPath({ pathType, path: given = '', backend: to }: HTTPIngressPath, path: string): FieldError[] {
  const type = child(path, 'pathType');
  if (!pathType) return [required(type, 'pathType must be specified')];
  const errors = pathTypes.includes(pathType) ? [] : [notSupported(type, pathType, pathTypes)];
  const wrong = (detail: string) => errors.push(invalidValue(child(path, 'path'), given, detail));
  const strict = pathType === 'Exact' || pathType === 'Prefix';
  if (errors.length === 0 && (strict || given) && !given.startsWith('/')) wrong('must be an absolute path');
  if (strict) {
    for (const text of badInside) if (given.includes(text)) wrong(`must not contain '${text}'`);
    for (const text of badAtEnd) if (given.endsWith(text)) wrong(`cannot end with '${text}'`);
  }
  return [...errors, ...backend(to, child(path, 'backend'))];
}

function backend({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service && resource) return [invalidValue(path, '', 'cannot set both resource and service backends')];
  if (resource) return reference(resource, child(path, 'resource'));
  return service ? serviceBackend(service, path) : [invalidValue(path, '', 'resource or service backend is required')];
}

function serviceBackend({ name, port }: IngressServiceBackend, path: string): FieldError[] {
  const errors = requiredFormatted(child(path, 'service.name'), name, dns1123Label);
  const at = child(path, 'service.port');
  const { name: called, number } = port ?? {};
  if (called && number) return [...errors, invalidValue(path, '', 'cannot set both port name & port number')];
  if (called) return [...errors, ...keyFormatted(child(at, 'name'), called, portName)];
  if (number) return [...errors, ...portNumber(number).map((text) => invalidValue(child(at, 'number'), number, text))];
  return [...errors, required(path, 'port name or number is required')];
}

/** A segment of a path that must be there; the message says so in its own words. */
const segment = (path: string, value: string | undefined): FieldError[] =>
  value ? keyFormatted(path, value, pathSegment) : [required(path, `${path.split('.').at(-1)} is required`)];

const reference = members<TypedLocalObjectReference>({
  apiGroup: (path, group) => (typeof group === 'string' ? keyFormatted(path, group, dns1123Subdomain) : []),
  kind: segment,
  name: segment,
});

const longestController = 250;

export const validateIngressClass = ({ spec: { controller, parameters } }: IngressClass): FieldError[] => [
  ...((controller ?? '').length > longestController ? [tooLong('spec.controller', longestController)] : []),
  ...domainPrefixedPath('spec.controller', controller ?? ''),
  ...(parameters ? classParameters(parameters, 'spec.parameters') : []),
];

function classParameters(parameters: IngressClassParametersReference, path: string): FieldError[] {
  const { scope, namespace } = parameters;
  const errors = reference(parameters, path);
  const [at, space] = [child(path, 'scope'), child(path, 'namespace')];
  if (scope === undefined || scope === null) return [...errors, required(at)];
  if (scope !== 'Cluster' && scope !== 'Namespace')
    return [...errors, notSupported(at, scope, ['Cluster', 'Namespace'])];
  if (scope === 'Cluster')
    return namespace === undefined || namespace === null
      ? errors
      : [...errors, forbidden(space, "`parameters.scope` is set to 'Cluster'")];
  return namespace === undefined || namespace === null
    ? [...errors, required(space, "`parameters.scope` is set to 'Namespace'")]
    : [...errors, ...keyFormatted(space, namespace, dns1123Label)];
}

export const validateIngressClassUpdate = (object: IngressClass, old: Readonly<IngressClass>): FieldError[] =>
  immutable('spec.controller', object.spec.controller, old.spec.controller);
