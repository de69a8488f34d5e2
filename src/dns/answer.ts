import type { Answer, Question } from 'dns-packet';
import type { EndpointSlice, Service, ServicePort } from '../api/generated/types.ts';
import { blockContains, isIPv4 } from '../base/ipv4.ts';

/** What the server must be able to look up; `informer-records.ts` is the real one. */
export interface DnsRecords {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, service: string): readonly EndpointSlice[];
  /** True when the namespace has any service. */
  hasNamespace(namespace: string): boolean;
  serviceAt(clusterIP: string): Service | undefined;
  slicesAt(endpointAddress: string): readonly EndpointSlice[];
  /** Grows with every change. */
  serial(): number;
}

export interface Zone {
  /** `cluster.local`. */
  domain: string;
  /** The server's own address. */
  address: string;
  ttlSeconds: number;
  /** Blocks whose reverse names nobody else knows. */
  ownBlocks: readonly string[];
}

export interface Reply {
  rcode: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL';
  answers: Answer[];
  additionals: Answer[];
  authorities: Answer[];
}

interface Lookup {
  type: Question['type'];
  /** As asked: answers repeat it to the letter. */
  name: string;
  records: DnsRecords;
  zone: Zone;
}

/** A name that exists has this; one that does not has `undefined`. */
type Found = { answers: Answer[]; additionals?: Answer[] } | undefined;

/**
 * The answer to a question by the cluster's services; undefined when the name is not the cluster's. Source: Kubernetes
 * DNS-Based Service Discovery 1.1.0; where that leaves room, what CoreDNS does.
 */
export function answer(question: Question, records: DnsRecords, zone: Zone): Reply | undefined {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  const lookup: Lookup = { type: question.type, name: question.name, records, zone };
  if (name.endsWith('.in-addr.arpa')) return answerReverse(name, lookup);
  if (name !== zone.domain && !name.endsWith(`.${zone.domain}`)) return undefined;
  const labels = name.slice(0, -zone.domain.length - 1).split('.');
  return reply(find(name === zone.domain ? [] : labels, lookup), lookup);
}

function reply(found: Found, lookup: Lookup): Reply {
  const { answers = [], additionals = [] } = found ?? {};
  // An answer without records carries the zone's SOA, so that clients know how long not to ask again (RFC 2308).
  const authorities = answers.length > 0 ? [] : [soa(lookup)];
  return { rcode: found ? 'NOERROR' : 'NXDOMAIN', answers, additionals, authorities };
}

const exists: Found = { answers: [] };

function find(labels: string[], lookup: Lookup): Found {
  const kind = labels.at(-1);
  const rest = labels.slice(0, -1);
  if (kind === undefined) return findApex(lookup);
  if (kind === 'svc') return rest.length === 0 ? exists : findService(rest, lookup);
  if (kind === 'pod') return rest.length === 0 ? exists : findPod(rest, lookup);
  if (kind === 'dns')
    return rest.length === 0 ? exists : rest.join('.') === 'ns' ? addresses([lookup.zone.address], lookup) : undefined;
  if (kind === 'dns-version' && rest.length === 0) {
    return lookup.type === 'TXT' ? { answers: [{ ...head(lookup), type: 'TXT', data: '1.1.0' }] } : exists;
  }
  return undefined;
}

const head = ({ name, zone }: Lookup) => ({ name, ttl: zone.ttlSeconds, class: 'IN' as const });

function soa({ zone, records }: Lookup): Answer {
  const { domain, ttlSeconds } = zone;
  const data = {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: records.serial(),
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: ttlSeconds,
  };
  return { name: domain, type: 'SOA', class: 'IN', ttl: ttlSeconds, data };
}

function findApex(lookup: Lookup): Found {
  if (lookup.type === 'SOA') return { answers: [soa(lookup)] };
  if (lookup.type === 'NS') return { answers: [{ ...head(lookup), type: 'NS', data: `ns.dns.${lookup.zone.domain}` }] };
  return exists;
}

function addresses(found: readonly string[], lookup: Lookup): Found {
  if (lookup.type !== 'A') return exists;
  return { answers: found.map((data) => ({ ...head(lookup), type: 'A', data })) };
}

/** `10-244-0-7.default.pod`: the address is in the name; it is not checked that such a pod exists. */
function findPod(labels: string[], lookup: Lookup): Found {
  const [dashed, namespace] = labels;
  if (labels.length === 1) return lookup.records.hasNamespace(dashed ?? '') ? exists : undefined;
  const address = (dashed ?? '').replaceAll('-', '.');
  return labels.length === 2 && namespace && isIPv4(address) ? addresses([address], lookup) : undefined;
}

function findService(labels: string[], lookup: Lookup): Found {
  const namespace = labels.at(-1) ?? '';
  const name = labels.at(-2);
  if (name === undefined) return lookup.records.hasNamespace(namespace) ? exists : undefined;
  const service = lookup.records.service(namespace, name);
  if (!service) return undefined;
  const prefix = labels.slice(0, -2);
  if (service.spec.type === 'ExternalName') {
    if (prefix.length > 0 || !service.spec.externalName) return undefined;
    return { answers: [{ ...head(lookup), type: 'CNAME', data: service.spec.externalName.replace(/\.$/, '') }] };
  }
  const endpoints = endpointsOf(lookup.records.slices(namespace, name));
  if (prefix.length === 0) return findWholeService(service, endpoints, lookup);
  if (prefix.some((label) => label.startsWith('_'))) return findPort(prefix, service, { endpoints, lookup });
  const chosen = endpoints.filter((endpoint) => prefix.length === 1 && endpoint.hostname === prefix[0]);
  return chosen.length > 0 ? addresses([...new Set(chosen.map((e) => e.address))], lookup) : undefined;
}

function findWholeService(service: Service, endpoints: DnsEndpoint[], lookup: Lookup): Found {
  if (lookup.type === 'SRV') return serviceRecords(service, service.spec.ports ?? [], { endpoints, lookup });
  const { clusterIP, clusterIPs = clusterIP ? [clusterIP] : [] } = service.spec;
  if (clusterIP && clusterIP !== 'None') return addresses(clusterIPs.filter(isIPv4), lookup);
  // A headless service without a ready endpoint does not exist, as far as DNS goes.
  if (endpoints.length === 0) return undefined;
  return addresses([...new Set(endpoints.map((e) => e.address))], lookup);
}

interface ServiceLookup {
  endpoints: DnsEndpoint[];
  lookup: Lookup;
}

/** `_http._tcp.web.default.svc`. */
function findPort(prefix: string[], service: Service, at: ServiceLookup): Found {
  const [port, protocol, ...rest] = prefix.length === 1 ? [undefined, prefix[0]] : prefix;
  if (rest.length > 0) return undefined;
  const ports = (service.spec.ports ?? []).filter(
    (p) => `_${(p.protocol ?? 'TCP').toLowerCase()}` === protocol && (port === undefined || `_${p.name}` === port),
  );
  if (ports.length === 0) return undefined;
  if (port === undefined || at.lookup.type !== 'SRV') return exists;
  return serviceRecords(service, ports, at);
}

function serviceRecords(service: Service, ports: readonly ServicePort[], { endpoints, lookup }: ServiceLookup): Found {
  const { namespace, name } = service.metadata;
  const host = `${name}.${namespace}.svc.${lookup.zone.domain}`;
  const { clusterIP } = service.spec;
  const targets =
    clusterIP && clusterIP !== 'None'
      ? ports.map((p) => ({ target: host, address: clusterIP, port: p.port }))
      : ports.flatMap((p) => endpointTargets(p, endpoints, host));
  if (targets.length === 0) return undefined;
  const weight = Math.max(1, Math.floor(100 / targets.length));
  const additionals = new Map<string, Answer>();
  const answers = targets.map(({ target, address, port }): Answer => {
    const record = { name: target, ttl: lookup.zone.ttlSeconds, class: 'IN', type: 'A', data: address } as const;
    if (isIPv4(address)) additionals.set(`${target} ${address}`, record);
    return { ...head(lookup), type: 'SRV', data: { priority: 0, weight, port, target } };
  });
  return { answers, additionals: [...additionals.values()] };
}

function endpointTargets(port: ServicePort, endpoints: DnsEndpoint[], host: string) {
  return endpoints.flatMap(({ hostname, address, ports }) => {
    const number = ports.get(port.name ?? '');
    return number === undefined ? [] : [{ target: `${hostname}.${host}`, address, port: number }];
  });
}

interface DnsEndpoint {
  address: string;
  /** The pod's hostname where it has one, else its address with dashes. */
  hostname: string;
  ports: ReadonlyMap<string, number>;
}

/** The ready endpoints; a slice says ready also for a service that publishes addresses that are not. */
function endpointsOf(slices: readonly EndpointSlice[]): DnsEndpoint[] {
  return slices.flatMap((slice) => {
    const ports = new Map(slice.ports?.map((p) => [p.name ?? '', p.port ?? 0]));
    return (slice.endpoints ?? []).flatMap((endpoint) => {
      if (endpoint.conditions?.ready === false) return [];
      return endpoint.addresses.filter(isIPv4).map((address) => ({
        address,
        hostname: endpoint.hostname?.toLowerCase() || address.replaceAll('.', '-'),
        ports,
      }));
    });
  });
}

function answerReverse(name: string, lookup: Lookup): Reply | undefined {
  const address = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.');
  if (!isIPv4(address)) return undefined;
  const targets = reverseTargets(address, lookup);
  const isOwn = lookup.zone.ownBlocks.some((block) => blockContains(block, address));
  if (targets.length === 0) return isOwn ? reply(undefined, lookup) : undefined;
  if (lookup.type !== 'PTR') return reply(exists, lookup);
  return reply({ answers: targets.map((data) => ({ ...head(lookup), type: 'PTR', data })) }, lookup);
}

function reverseTargets(address: string, { records, zone }: Lookup): string[] {
  const service = records.serviceAt(address);
  if (service) return [`${service.metadata.name}.${service.metadata.namespace}.svc.${zone.domain}`];
  const targets = records.slicesAt(address).flatMap((slice) => {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    const found = endpointsOf([slice]).find((endpoint) => endpoint.address === address);
    return name && found ? [`${found.hostname}.${name}.${slice.metadata.namespace}.svc.${zone.domain}`] : [];
  });
  return [...new Set(targets)];
}
