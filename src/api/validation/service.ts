import { isIP } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../meta/name-format.ts';
import { validateLabels } from '../meta/object-meta.ts';
import { goForm } from '../schema/go-form.ts';
import { cidr, endpointAddress, familyOf, ipAddress } from './address.ts';
import {
  at,
  child,
  duplicate,
  each,
  type FieldError,
  forbidden,
  formatted,
  invalidValue,
  keyed,
  keyFormatted,
  oneOf,
  portNumberOrName,
  required,
  requiredFormatted,
  requiredOneOf,
} from './check.ts';
import { inclusive } from './placement.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];

const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None';
const isExternal = (spec: ServiceSpec): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer';

export function validateService({ metadata, spec }: Service): FieldError[] {
  const annotations = metadata.annotations ?? {};
  return [
    ...topologyAnnotations(annotations),
    ...typeRules(spec),
    ...ports(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...affinity(spec),
    ...clusterIPs(spec),
    ...each(spec.externalIPs, 'spec.externalIPs', (ip, p) => endpointAddress(p, ip)),
    ...requiredOneOf('spec.type', spec.type, types),
    ...nodePorts(spec),
    ...loadBalancer(spec, annotations),
    ...traffic(spec),
  ];
}

const modeKey = 'service.kubernetes.io/topology-mode';
const hintsKey = 'service.kubernetes.io/topology-aware-hints';

function topologyAnnotations(annotations: Record<string, string>): FieldError[] {
  const { [modeKey]: mode, [hintsKey]: hints } = annotations;
  if (mode === undefined || hints === undefined || mode === hints) return [];
  const detail = `must match annotations[${hintsKey}] when both are specified`;
  return [invalidValue(keyed('metadata.annotations', modeKey), mode, detail)];
}

function typeRules(spec: ServiceSpec): FieldError[] {
  if (isHeadless(spec) && isExternal(spec))
    return [invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)];
  if (spec.type !== 'ExternalName') return [];
  const errors = (['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const)
    .filter((member) => spec[member] && (spec[member]?.length ?? 0) > 0)
    .map((member) => forbidden(`spec.${member}`, 'may not be set for ExternalName services'));
  const name = spec.externalName?.replace(/\.$/, '');
  return [...errors, ...requiredFormatted('spec.externalName', name, dns1123Subdomain)];
}

const portType = 'io.k8s.api.core.v1.ServicePort';

function ports(spec: ServiceSpec): FieldError[] {
  if (!spec.ports?.length && !isHeadless(spec) && spec.type !== 'ExternalName') return [required('spec.ports')];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const several = (spec.ports?.length ?? 0) > 1;
  return each(spec.ports, 'spec.ports', (port, p) => {
    const errors = portName(port, p, { several, names });
    errors.push(...portNumber(port.port).map((text) => invalidValue(child(p, 'port'), port.port, text)));
    errors.push(...requiredOneOf(child(p, 'protocol'), port.protocol, protocols));
    errors.push(...portNumberOrName(child(p, 'targetPort'), port.targetPort));
    errors.push(...formatted(child(p, 'appProtocol'), port.appProtocol, qualifiedName));
    const id = `${port.protocol}/${port.port}`;
    if (numbers.has(id)) errors.push(duplicate(p, goForm(portType, { protocol: port.protocol, port: port.port })));
    numbers.add(id);
    return errors;
  });
}

function portName(port: ServicePort, path: string, seen: { several: boolean; names: Set<string> }): FieldError[] {
  const at = child(path, 'name');
  if (!port.name) return seen.several ? [required(at)] : [];
  const errors = keyFormatted(at, port.name, dns1123Label);
  if (seen.names.has(port.name)) errors.push(duplicate(at, port.name));
  seen.names.add(port.name);
  return errors;
}

function affinity(spec: ServiceSpec): FieldError[] {
  const errors = requiredOneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  const config = 'spec.sessionAffinityConfig';
  if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig)
    errors.push(forbidden(config, 'must not be set when session affinity is None'));
  if (spec.sessionAffinity !== 'ClientIP') return errors;
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  const path = `${config}.clientIP.timeoutSeconds`;
  if (seconds === undefined) return [...errors, required(path, 'when session affinity type is ClientIP')];
  if (seconds <= 0 || seconds > 86400)
    errors.push(invalidValue(path, seconds, 'must be greater than 0 and less than 86400'));
  return errors;
}

function clusterIPs(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const path = 'spec.clusterIPs';
  const addresses = spec.clusterIPs ?? [];
  const wrong = (detail: string) => errors.push(invalidValue(path, addresses, detail));
  const errors: FieldError[] = [];
  if (spec.clusterIP && addresses.length > 0 && addresses[0] !== spec.clusterIP)
    wrong('first value must match `clusterIP`');
  if (!spec.clusterIP && addresses.length > 0) wrong('must be empty when `clusterIP` is not specified');
  errors.push(...families(spec));
  const checked = addresses.length > 0 ? addresses : spec.clusterIP ? [spec.clusterIP] : [];
  const before = errors.length;
  for (const [i, address] of checked.entries()) {
    if (i > 0 || address !== 'None') errors.push(...ipAddress(at(path, i), address));
    else if (checked.length > 1) wrong("'None' must be the first and only value");
  }
  const unusable = errors.length > before;
  if (addresses.length > 2) wrong('may only hold up to 2 values');
  if (unusable) return errors;
  if (addresses.length > 1 && new Set(addresses.map(familyOf)).size < 2)
    wrong('may specify no more than one IP for each IP family');
  if (isHeadless(spec)) return errors;
  for (const [i, address] of checked.entries()) {
    const family = spec.ipFamilies?.[i];
    if (!family || family === familyOf(address)) continue;
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalidValue(at(path, i), address, detail));
  }
  return errors;
}

function families({ ipFamilies, ipFamilyPolicy }: ServiceSpec): FieldError[] {
  const seen = new Set<string>();
  const errors = each(ipFamilies, 'spec.ipFamilies', (family, p) => {
    const own = oneOf(p, family, ['IPv4', 'IPv6']);
    if (seen.has(family)) own.push(duplicate(p, family));
    seen.add(family);
    return own;
  });
  const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
  return [...errors, ...oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, policies)];
}

function nodePorts(spec: ServiceSpec): FieldError[] {
  const taken = new Set<string>();
  return each(spec.ports, 'spec.ports', ({ nodePort, protocol }, p) => {
    if (!nodePort) return [];
    const path = child(p, 'nodePort');
    const errors = spec.type === 'ClusterIP' ? [forbidden(path, "may not be used when `type` is 'ClusterIP'")] : [];
    const id = `${protocol}/${nodePort}`;
    if (taken.has(id)) errors.push(duplicate(path, nodePort));
    taken.add(id);
    return errors;
  });
}

const onlyBalanced = "may only be used when `type` is 'LoadBalancer'";
const rangesKey = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** Where a balancer may be used from: named in the spec, or as before in an annotation. */
function sourceRanges(spec: ServiceSpec, annotations: Record<string, string>): FieldError[] {
  const path = 'spec.LoadBalancerSourceRanges';
  const balanced = spec.type === 'LoadBalancer';
  if (spec.loadBalancerSourceRanges?.length)
    return [
      ...(balanced ? [] : [forbidden(path, onlyBalanced)]),
      ...each(spec.loadBalancerSourceRanges, path, (range, p) => cidr(p, range.trim())),
    ];
  const listed = annotations[rangesKey];
  if (listed === undefined) return [];
  const key = keyed('metadata.annotations', rangesKey);
  const ranges = listed.trim() ? listed.split(',') : [];
  return [...(balanced ? [] : [forbidden(key, onlyBalanced)]), ...ranges.flatMap((range) => cidr(key, range.trim()))];
}

function loadBalancer(spec: ServiceSpec, annotations: Record<string, string>): FieldError[] {
  const balanced = spec.type === 'LoadBalancer';
  const errors = sourceRanges(spec, annotations);
  const allocate = 'spec.allocateLoadBalancerNodePorts';
  if (!balanced && spec.allocateLoadBalancerNodePorts !== undefined) errors.push(forbidden(allocate, onlyBalanced));
  const { loadBalancerClass } = spec;
  if (loadBalancerClass === undefined) return errors;
  const path = 'spec.loadBalancerClass';
  return [
    ...errors,
    ...(balanced ? keyFormatted(path, loadBalancerClass, qualifiedName) : [forbidden(path, onlyBalanced)]),
  ];
}

function traffic(spec: ServiceSpec): FieldError[] {
  const policies = ['Cluster', 'Local'];
  const reachable = isExternal(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
  const path = 'spec.externalTrafficPolicy';
  const errors: FieldError[] = [];
  if (!reachable && spec.externalTrafficPolicy)
    errors.push(invalidValue(path, spec.externalTrafficPolicy, 'may only be set for externally-accessible services'));
  if (reachable) errors.push(...requiredOneOf(path, spec.externalTrafficPolicy, policies));
  errors.push(...healthCheck(spec));
  if (spec.type !== 'ExternalName' && types.includes(spec.type ?? ''))
    errors.push(...requiredOneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, policies));
  const spread = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
  return [...errors, ...oneOf('spec.trafficDistribution', spec.trafficDistribution, spread)];
}

function healthCheck(spec: ServiceSpec): FieldError[] {
  const path = 'spec.healthCheckNodePort';
  const port = spec.healthCheckNodePort;
  if (!port) return [];
  if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local')
    return inclusive(path, port, { min: 1, max: 65535 });
  const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
  return [invalidValue(path, port, detail)];
}

/** Addresses, once given, stay; only a change to or from ExternalName frees them. */
export function validateServiceUpdate({ spec }: Service, { spec: old }: Readonly<Service>): FieldError[] {
  const isOther = spec.type !== 'ExternalName' && spec.clusterIP && spec.clusterIP !== old.clusterIP;
  // Another address without the list of all: nothing further is looked at.
  if (isOther && !spec.clusterIPs?.length) return [required('spec.clusterIPs')];
  const errors = [...fixedAddresses(spec, old)];
  if (old.type === 'LoadBalancer' && spec.type === 'LoadBalancer' && old.loadBalancerClass !== spec.loadBalancerClass)
    errors.push(invalidValue('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'));
  const watched = (s: ServiceSpec) => s.type === 'LoadBalancer' && s.externalTrafficPolicy === 'Local';
  if (watched(old) && watched(spec) && old.healthCheckNodePort !== spec.healthCheckNodePort)
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  return errors;
}

function fixedAddresses(spec: ServiceSpec, old: Readonly<ServiceSpec>): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return [];
  if (isHeadless(spec) && isHeadless(old)) return [];
  const errors = fixedList(spec, old, { list: 'clusterIPs', one: 'clusterIP' });
  return isHeadless(spec) === isHeadless(old)
    ? [...errors, ...fixedList(spec, old, { list: 'ipFamilies', one: 'ipFamily' })]
    : errors;
}

/** A second address or family can be added, and given up by those who say that one is enough. */
function fixedList(
  spec: ServiceSpec,
  old: Readonly<ServiceSpec>,
  { list, one }: { list: 'clusterIPs' | 'ipFamilies'; one: string },
): FieldError[] {
  const [given, before] = [spec[list] ?? [], old[list] ?? []];
  const path = `spec.${list}`;
  const fixed = 'may not change once set';
  const changed = (i: number) => invalidValue(at(path, list === 'clusterIPs' ? i : 0), given, fixed);
  if (given.length === before.length) return before.flatMap((value, i) => (value === given[i] ? [] : [changed(i)]));
  const errors: FieldError[] = [];
  if (given.length === 0) errors.push(invalidValue(at(path, 0), spec[list] ?? null, `primary ${one} can not be unset`));
  else if (before.length > 0 && given[0] !== before[0]) errors.push(changed(0));
  if (given.length === 1 && before.length > 1 && spec.ipFamilyPolicy !== 'SingleStack')
    errors.push(
      invalidValue(
        'spec.ipFamilyPolicy',
        spec.ipFamilyPolicy ?? null,
        `must be set to 'SingleStack' when releasing the secondary ${one}`,
      ),
    );
  return errors;
}

/** What a balancer says of itself. */
export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const path = 'status.loadBalancer.ingress';
  const ingress = status?.loadBalancer?.ingress;
  if (ingress?.length && spec.type !== 'LoadBalancer')
    return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  return each(ingress, path, ({ ip, ipMode, hostname }, p) => {
    const errors = ip ? ipAddress(child(p, 'ip'), ip) : [];
    const mode = child(p, 'ipMode');
    if (ipMode === undefined && ip) errors.push(required(mode, 'must be specified when `ip` is set'));
    else if (ipMode !== undefined && !ip) errors.push(forbidden(mode, 'may not be specified when `ip` is not set'));
    else errors.push(...oneOf(mode, ipMode, ['Proxy', 'VIP']));
    errors.push(...formatted(child(p, 'hostname'), hostname, dns1123Subdomain));
    if (hostname && isIP(hostname))
      errors.push(invalidValue(child(p, 'hostname'), hostname, 'must be a DNS name, not an IP address'));
    return errors;
  });
}
