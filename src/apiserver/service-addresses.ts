import { ipaddresses } from '../api/generated/resources.ts';
import type { IPAddress, Service, ServicePort } from '../api/generated/types.ts';
import { type FieldError, invalid } from '../api/meta/status-error.ts';
import { groupResource, groupVersion, type KubeObject, keyOf, keyText } from '../api/resource.ts';
import { formatIPv4, type IPv4Block, parseBlock, parseIPv4 } from '../base/ipv4.ts';
import type { Clock } from '../base/clock.ts';
import { type Rng, uuid } from '../base/rng.ts';
import type { Store, Write } from '../store/store.ts';
import { toBytes } from '../store/version.ts';
import { timestamp } from './context.ts';
import type { ObjectCodec } from './object-codec.ts';
import type { Endpoint } from './endpoint.ts';
import type { Registry } from './registry.ts';
import { fillFamilies } from './service-families.ts';

const nodePortRange = { first: 30_000, last: 32_767 };
/** The low part of the range that is left to services that ask for an address by name (KEP-3070). */
const staticBand = (size: number): number => Math.min(Math.max(16, Math.floor(size / 16)), 256);

interface Claim {
  object: KubeObject;
  old: KubeObject | undefined;
  dryRun: boolean;
}

interface Deps {
  store: Store;
  objects: ObjectCodec;
  registry: Registry;
  clock: Clock;
  rng: Rng;
}

/**
 * Cluster IPs and node ports. An address is taken by writing its IPAddress object (KEP-1880) in the same commit as the
 * service, so that no address is ever held by nobody or by two. A node port is taken the same way, by a record that no
 * client sees.
 */
export class AddressAllocator {
  readonly #deps: Deps;
  readonly #first: number;
  readonly #size: number;

  constructor(deps: Deps, options: { serviceCidr: string }) {
    this.#deps = deps;
    const block = parseBlock(options.serviceCidr) as IPv4Block;
    this.#first = block.first;
    this.#size = block.size;
  }

  /** Takes the node ports of services that a server wrote which did not keep records of them. */
  async adopt(): Promise<void> {
    const { store, objects } = this.#deps;
    const missing = [...store.all('services')].flatMap((version) =>
      portsOf(objects.read<Service>(version))
        .filter((port) => this.#portHolder(port) === undefined)
        .map((port) => portWrite(port, version.key)),
    );
    if (missing.length > 0) await store.commit(missing);
  }

  /** Fills in the addresses of a service that is about to be written; the writes that take them go into its commit. */
  claim(endpoint: Endpoint, { object, old, dryRun }: Claim): Write[] {
    if (endpoint.resource !== 'services') return [];
    const service = object as Service;
    const before = old as Service | undefined;
    // A write of the status: the spec is the stored one itself, and holds what it holds.
    if (before && service.spec === before.spec) return [];
    const writes = this.#claimAddress(service, before, dryRun);
    return [...writes, ...this.#claimPorts(service, before, dryRun)];
  }

  /** Gives the addresses of a service that goes away back. */
  release(endpoint: Endpoint, object: KubeObject): Write[] {
    if (endpoint.resource !== 'services') return [];
    const service = object as Service;
    return [...this.#releaseAddress(service.spec.clusterIP), ...this.#releasePorts(service, portsOf(service))];
  }

  #claimAddress(service: Service, before: Service | undefined, dryRun: boolean): Write[] {
    const { spec } = service;
    const held = hasAddress(before) ? before?.spec.clusterIP : undefined;
    if (spec.type === 'ExternalName') {
      spec.clusterIP = undefined;
      spec.clusterIPs = undefined;
      return this.#releaseAddress(held);
    }
    const wrong = fillFamilies(spec, before?.spec);
    if (wrong.length > 0) throw refuseService(service, ...wrong);
    spec.clusterIP ||= spec.clusterIPs?.[0] ?? held;
    if (spec.clusterIP === 'None') {
      spec.clusterIPs = ['None'];
      return [];
    }
    if (spec.clusterIP && spec.clusterIP === held) {
      spec.clusterIPs = [spec.clusterIP];
      return [];
    }
    spec.clusterIP = spec.clusterIP ? this.#checkFree(service, spec.clusterIP) : this.#freeAddress(service);
    spec.clusterIPs = [spec.clusterIP];
    return dryRun ? [] : [this.#addressWrite(service, spec.clusterIP)];
  }

  #isTaken(address: string): boolean {
    return this.#deps.store.head(groupResource(ipaddresses), address) !== undefined;
  }

  #checkFree(service: Service, address: string): string {
    const offset = (parseIPv4(address) ?? Number.NaN) - this.#first;
    const refuse = (why: string) =>
      refuseService(service, {
        type: 'FieldValueInvalid',
        field: 'spec.clusterIPs',
        message: `Invalid value: ["${address}"]: failed to allocate IP ${address}: ${why}`,
      });
    if (!(offset > 0 && offset < this.#size - 1)) {
      throw refuse(`the provided IP (${address}) is not in the valid range`);
    }
    if (this.#isTaken(address)) throw refuse('provided IP is already allocated');
    return address;
  }

  /** A free address at random, from the part above the static band first. */
  #freeAddress(service: Service): string {
    const band = staticBand(this.#size);
    const parts: [number, number][] = [
      [band + 1, this.#size - 1],
      [1, band + 1],
    ];
    for (const [from, to] of parts) {
      const span = to - from;
      const start = Math.floor(this.#deps.rng.next() * span);
      for (let i = 0; i < span; i++) {
        const address = formatIPv4(this.#first + from + ((start + i) % span));
        if (!this.#isTaken(address)) return address;
      }
    }
    throw refuseService(service, {
      type: 'InternalError',
      field: 'spec.clusterIPs',
      message: 'Internal error: failed to allocate a serviceIP: range is full',
    });
  }

  #addressWrite(service: Service, address: string): Write {
    const { clock, rng, objects, registry } = this.#deps;
    const endpoint = registry.find(ipaddresses.group, ipaddresses.version, ipaddresses.resource) as Endpoint;
    const labels = {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    };
    const { name, namespace } = service.metadata;
    const object: IPAddress = {
      kind: 'IPAddress',
      apiVersion: groupVersion(ipaddresses),
      metadata: { name: address, uid: uuid(rng), generation: 1, creationTimestamp: timestamp(clock.now()), labels },
      spec: { parentRef: { resource: 'services', namespace, name } },
    };
    return { put: objects.put(endpoint, address, object) };
  }

  #releaseAddress(address: string | undefined): Write[] {
    if (!address || address === 'None' || !this.#isTaken(address)) return [];
    return [{ remove: { resource: groupResource(ipaddresses), key: address } }];
  }

  /** The service (`namespace/name`) that has the port. */
  #portHolder(port: number): string | undefined {
    return this.#deps.store.head(nodePorts, String(port))?.uid;
  }

  #releasePorts(service: Service, ports: readonly number[]): Write[] {
    const key = keyText(keyOf(service));
    const held = [...new Set(ports)].filter((port) => this.#portHolder(port) === key);
    return held.map((port) => ({ remove: { resource: nodePorts, key: String(port) } }));
  }

  #claimPorts(service: Service, before: Service | undefined, dryRun: boolean): Write[] {
    const { spec } = service;
    const key = keyText(keyOf(service));
    const held = before ? portsOf(before) : [];
    const wants =
      spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
    const taken = new Set<number>();
    if (wants) for (const port of spec.ports ?? []) this.#claimPort(service, { port, before, taken });
    else if (spec.type === 'ClusterIP') for (const port of spec.ports ?? []) port.nodePort = undefined;
    if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local') {
      spec.healthCheckNodePort ||= before?.spec.healthCheckNodePort || this.#freePort(service, taken);
      this.#checkPort(service, spec.healthCheckNodePort, 'spec.healthCheckNodePort');
    }
    if (dryRun) return [];
    const now = new Set(portsOf(service));
    const dropped = held.filter((port) => !now.has(port));
    const fresh = [...now].filter((port) => this.#portHolder(port) !== key);
    return [...this.#releasePorts(service, dropped), ...fresh.map((port) => portWrite(port, key))];
  }

  /** Ports of one service with different protocols may share a number. */
  #claimPort(
    service: Service,
    { port, before, taken }: { port: ServicePort; before: Service | undefined; taken: Set<number> },
  ): void {
    port.nodePort ||= before?.spec.ports?.find((p) => p.port === port.port && p.protocol === port.protocol)?.nodePort;
    if (!port.nodePort) port.nodePort = this.#freePort(service, taken);
    this.#checkPort(service, port.nodePort, `spec.ports[${service.spec.ports?.indexOf(port)}].nodePort`);
    taken.add(port.nodePort);
  }

  #checkPort(service: Service, port: number, field: string): void {
    const refuse = (why: string) =>
      refuseService(service, { type: 'FieldValueInvalid', field, message: `Invalid value: ${port}: ${why}` });
    if (port < nodePortRange.first || port > nodePortRange.last) {
      throw refuse(
        `provided port is not in the valid range. The range of valid ports is ${nodePortRange.first}-${nodePortRange.last}`,
      );
    }
    const holder = this.#portHolder(port);
    if (holder !== undefined && holder !== keyText(keyOf(service))) throw refuse('provided port is already allocated');
  }

  #freePort(service: Service, taken: Set<number>): number {
    const span = nodePortRange.last - nodePortRange.first + 1;
    const start = Math.floor(this.#deps.rng.next() * span);
    for (let i = 0; i < span; i++) {
      const port = nodePortRange.first + ((start + i) % span);
      if (this.#portHolder(port) === undefined && !taken.has(port)) return port;
    }
    throw refuseService(service, {
      type: 'InternalError',
      field: 'spec.ports',
      message: 'Internal error: failed to allocate a nodePort: range is full',
    });
  }
}

/** The resource of the records of node ports; the holder is in the place of the uid. */
const nodePorts = 'nodeports';

const portWrite = (port: number, holder: string): Write => ({
  put: {
    resource: nodePorts,
    key: String(port),
    encode: (revision) => ({
      uid: holder,
      labels: undefined,
      fields: undefined,
      bytes: toBytes(JSON.stringify({ metadata: { name: String(port), resourceVersion: String(revision) } })),
    }),
  },
});

const portsOf = ({ spec }: Service): number[] =>
  [...(spec.ports ?? []).map(({ nodePort }) => nodePort), spec.healthCheckNodePort].flatMap((port) => port || []);

const hasAddress = (service: Service | undefined): boolean =>
  service?.spec.clusterIP !== undefined && service.spec.clusterIP !== 'None' && service.spec.clusterIP !== '';

const refuseService = (service: Service, ...errors: FieldError[]) =>
  invalid({ group: '', kind: 'Service' }, service.metadata.name, errors);
