import type { Service, ServicePort, ServiceSpec } from '../generated/types.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../meta/name-format.ts';
import { validateLabels } from '../meta/object-meta.ts';
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

export function validateService({ spec, status }: Service): FieldError[] {
  return [
    ...typeRules(spec),
    ...ports(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...affinity(spec),
    ...clusterIPs(spec),
    ...each(spec.externalIPs, 'spec.externalIPs', (ip, p) => endpointAddress(p, ip)),
    ...requiredOneOf('spec.type', spec.type, types),
    ...nodePorts(spec),
    ...loadBalancer(spec),
    ...traffic(spec),
    ...each(status?.loadBalancer?.ingress, 'status.loadBalancer.ingress', ({ ip }, p) =>
      ip ? ipAddress(child(p, 'ip'), ip) : [],
    ),
  ];
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
    if (numbers.has(id)) errors.push(duplicate(p, { protocol: port.protocol, port: port.port }));
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
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
    const path = `${config}.clientIP.timeoutSeconds`;
    if (seconds === undefined) errors.push(required(path, 'must be greater than 0 and less than or equal to 86400'));
    else if (seconds <= 0 || seconds > 86400)
      errors.push(invalidValue(path, seconds, 'must be greater than 0 and less than 86400'));
  } else if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig)
    errors.push(forbidden(config, 'must not be set when session affinity is None'));
  return errors;
}

function clusterIPs(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const path = 'spec.clusterIPs';
  const addresses = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const errors = [
    ...each(spec.ipFamilies, 'spec.ipFamilies', (family, p) => oneOf(p, family, ['IPv4', 'IPv6'])),
    ...oneOf('spec.ipFamilyPolicy', spec.ipFamilyPolicy, ['PreferDualStack', 'RequireDualStack', 'SingleStack']),
  ];
  if (new Set(spec.ipFamilies).size < (spec.ipFamilies?.length ?? 0))
    errors.push(duplicate('spec.ipFamilies[1]', spec.ipFamilies?.[1]));
  if (spec.clusterIP && spec.clusterIPs?.length && spec.clusterIPs[0] !== spec.clusterIP)
    errors.push(invalidValue(path, spec.clusterIPs, 'first value must match `clusterIP`'));
  if (addresses.length > 2) errors.push(invalidValue(path, addresses, 'may only hold up to 2 values'));
  for (const [i, address] of addresses.entries()) {
    if (address === 'None') {
      if (addresses.length > 1)
        errors.push(invalidValue(at(path, 0), address, "must be the only value when set to 'None'"));
    } else if (address) errors.push(...ipAddress(at(path, i), address));
  }
  if (errors.length > 0) return errors;
  const wrong = addresses.findIndex(
    (ip, i) => ip !== 'None' && ip && spec.ipFamilies?.[i] && spec.ipFamilies[i] !== familyOf(ip),
  );
  if (wrong >= 0)
    errors.push(
      invalidValue(
        at(path, wrong),
        addresses[wrong],
        `expected an ${spec.ipFamilies?.[wrong]} value as indicated by \`ipFamilies[${wrong}]\``,
      ),
    );
  return errors;
}

function nodePorts(spec: ServiceSpec): FieldError[] {
  const taken = new Set<string>();
  return each(spec.ports, 'spec.ports', ({ nodePort, protocol }, p) => {
    if (!nodePort) return [];
    const path = child(p, 'nodePort');
    if (spec.type === 'ClusterIP') return [forbidden(path, "may not be used when `type` is 'ClusterIP'")];
    const id = `${protocol}/${nodePort}`;
    if (taken.has(id)) return [duplicate(path, nodePort)];
    taken.add(id);
    return [];
  });
}

function loadBalancer(spec: ServiceSpec): FieldError[] {
  const balanced = spec.type === 'LoadBalancer';
  const errors: FieldError[] = [];
  const ranges = 'spec.loadBalancerSourceRanges';
  if (spec.loadBalancerSourceRanges?.length) {
    if (!balanced) errors.push(forbidden(ranges, "may only be used when `type` is 'LoadBalancer'"));
    errors.push(...each(spec.loadBalancerSourceRanges, ranges, (range, p) => cidr(p, range.trim())));
  }
  const allocate = 'spec.allocateLoadBalancerNodePorts';
  if (balanced && spec.allocateLoadBalancerNodePorts === undefined) errors.push(required(allocate));
  if (!balanced && spec.allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbidden(allocate, "may only be used when `type` is 'LoadBalancer'"));
  if (spec.loadBalancerClass !== undefined) {
    errors.push(...keyFormatted('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName));
    if (!balanced) errors.push(forbidden('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'"));
  }
  return errors;
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
  const errors: FieldError[] = [];
  const before = old.clusterIPs ?? [];
  const given = spec.clusterIPs ?? [];
  if (before.length > 0 && given.length === 0)
    errors.push(invalidValue('spec.clusterIPs[0]', spec.clusterIPs ?? null, 'primary clusterIP can not be unset'));
  else if (before.length > 0 && given[0] !== before[0])
    errors.push(invalidValue('spec.clusterIPs[0]', given, 'may not change once set'));
  const families = old.ipFamilies ?? [];
  if (families[0] && spec.ipFamilies?.[0] && families[0] !== spec.ipFamilies[0])
    errors.push(invalidValue('spec.ipFamilies[0]', spec.ipFamilies, 'may not change once set'));
  return errors;
}
