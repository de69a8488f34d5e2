import { createHash } from 'node:crypto';
import type { Endpoints, EndpointSlice, Lease } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';

/** Which server this is and where it is reached. */
export interface ServerIdentity {
  hostname: string;
  /** New at every start. */
  incarnation: string;
  address: string;
  port: number;
}

/** A server that has said nothing for so long is not sent any more connections (upstream's master lease). */
export const silenceMs = 15_000;
/** Its lease is kept longer, for people to see (KEP-1965). */
const keptSeconds = 3600;

export const identityLabel = 'apiserver.kubernetes.io/identity';
export const identityNamespace = 'kube-system';
/** Absent on the lease of a server that has stopped. */
const endpointAnnotation = 'knarr.dev/api-endpoint';

const base32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** `apiserver-` and 26 letters, as upstream's: from where the server is, since several may share a host. */
export function leaseName({ hostname, address, port }: Omit<ServerIdentity, 'incarnation'>): string {
  let bits =
    BigInt(`0x${createHash('sha256').update(`${hostname}_${address}:${port}`).digest('hex').slice(0, 34)}`) >> 6n;
  let text = '';
  for (; text.length < 26; bits >>= 5n) text = base32[Number(bits & 31n)] + text;
  return `apiserver-${text}`;
}

/** The lease by which a server says that it is there; `now` in MicroTime. */
export function identityLease(identity: ServerIdentity, now: string, previous?: Lease): Manifest<Lease> {
  const name = leaseName(identity);
  const holderIdentity = `${name}_${identity.incarnation}`;
  const isOurs = previous?.spec.holderIdentity === holderIdentity;
  return {
    ...previous,
    metadata: {
      ...previous?.metadata,
      name,
      namespace: identityNamespace,
      labels: { [identityLabel]: 'kube-apiserver', 'kubernetes.io/hostname': identity.hostname },
      annotations: { [endpointAnnotation]: `${identity.address}:${identity.port}` },
    },
    spec: {
      holderIdentity,
      leaseDurationSeconds: keptSeconds,
      acquireTime: isOurs ? previous.spec.acquireTime : now,
      renewTime: now,
    },
  };
}

/** The same lease without an address: its server takes no more connections. */
export function withoutEndpoint(lease: Lease): Lease {
  const { [endpointAnnotation]: _, ...annotations } = lease.metadata.annotations ?? {};
  return { ...lease, metadata: { ...lease.metadata, annotations } };
}

/** When each lease was last seen to change, by the observer's own clock: those of servers are never compared. */
export type Sightings = ReadonlyMap<string, { version: string; atMs: number }>;

export function sightingsOf(leases: readonly Lease[], before: Sightings, nowMs: number): Sightings {
  return new Map(
    leases.map(({ metadata: { name, resourceVersion: version = '' } }) => {
      const seen = before.get(name);
      return [name, seen?.version === version ? seen : { version, atMs: nowMs }];
    }),
  );
}

export interface Registered {
  /** `address:port` of the servers that live, in order. */
  endpoints: string[];
  /** Leases of servers that have been gone for so long that nobody asks any more. */
  forgotten: Lease[];
}

export function registered(leases: readonly Lease[], seen: Sightings, nowMs: number): Registered {
  const silentMs = ({ metadata }: Lease) => nowMs - (seen.get(metadata.name)?.atMs ?? nowMs);
  return {
    endpoints: leases
      .filter((lease) => silentMs(lease) < silenceMs)
      .flatMap(({ metadata }) => metadata.annotations?.[endpointAnnotation] ?? [])
      .sort(),
    forgotten: leases.filter((lease) => silentMs(lease) > (lease.spec.leaseDurationSeconds ?? keptSeconds) * 1000),
  };
}

const name = 'kubernetes';
const namespace = 'default';
const serviceNameLabel = 'kubernetes.io/service-name';

/** The slices of the service. */
export const slicesOfService = { namespace, labelSelector: `${serviceNameLabel}=${name}` };

/** What the `kubernetes` service leads to: a slice for each port, since servers on one machine may have different ones. */
export function serviceEndpoints(endpoints: readonly string[]): {
  endpoints: Manifest<Endpoints>;
  slices: Manifest<EndpointSlice>[];
} {
  const byPort = new Map<number, string[]>();
  for (const endpoint of endpoints) {
    const colon = endpoint.lastIndexOf(':');
    const port = Number(endpoint.slice(colon + 1));
    byPort.set(port, [...(byPort.get(port) ?? []), endpoint.slice(0, colon)]);
  }
  const groups = [...byPort].sort(([a], [b]) => a - b);
  const portOf = (port: number) => [{ name: 'https', port, protocol: 'TCP' as const }];
  return {
    endpoints: {
      metadata: { name, namespace, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: groups.map(([port, addresses]) => ({ addresses: addresses.map((ip) => ({ ip })), ports: portOf(port) })),
    },
    slices: groups.map(([port, addresses], i) => ({
      metadata: { name: i === 0 ? name : `${name}-${port}`, namespace, labels: { [serviceNameLabel]: name } },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: portOf(port),
    })),
  };
}
