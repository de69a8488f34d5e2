import { endpoints, endpointslices, leases } from '../../api/generated/resources.ts';
import type { Lease } from '../../api/generated/types.ts';
import { isConflict, isNotFound } from '../../api/meta/status-error.ts';
import { type KubeObject, keyOf, type Manifest, type Resource } from '../../api/resource.ts';
import { type Clock, every } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import {
  identityLabel,
  identityLease,
  identityNamespace,
  leaseName,
  registered,
  type ServerIdentity,
  serviceEndpoints,
  type Sightings,
  sightingsOf,
  slicesOfService,
  withoutEndpoint,
} from './server-registry.ts';

/** Upstream's, for leases and for endpoints. */
const renewMs = 10_000;

export interface IdentityDeps {
  client: Client;
  clock: Clock;
  log: Logger;
}

/**
 * Says that this server lives, and keeps the endpoints of the `kubernetes` service to those that do: every server does it
 * for all, and whoever stops takes itself out first.
 */
export class IdentityKeeper {
  readonly #deps: IdentityDeps;
  readonly #identity: ServerIdentity;
  #sightings: Sightings = new Map();
  #stop: () => void = () => {};
  #working: Promise<void> = Promise.resolve();

  constructor(deps: IdentityDeps, identity: ServerIdentity) {
    this.#deps = deps;
    this.#identity = identity;
  }

  /** Resolves when the service leads here, too. */
  async start(): Promise<void> {
    await this.#round(true);
    this.#stop = every(this.#deps.clock, renewMs, () => {
      this.#working = this.#round(true).catch((error: unknown) =>
        this.#warn(error, 'the identity of this server could not be renewed'),
      );
    });
  }

  /** Nobody is sent here any more. A journal that does not answer must not keep a server from stopping: others find out. */
  async stop(): Promise<void> {
    this.#stop();
    await this.#working;
    await this.#round(false).catch((error: unknown) => this.#warn(error, 'this server could not say that it stops'));
  }

  #warn(error: unknown, message: string): void {
    this.#deps.log.warn({ error: String(error) }, message);
  }

  async #round(serves: boolean): Promise<void> {
    const { client, clock } = this.#deps;
    await this.#say(serves);
    const { items } = await client.list(leases, {
      namespace: identityNamespace,
      labelSelector: `${identityLabel}=kube-apiserver`,
    });
    this.#sightings = sightingsOf(items, this.#sightings, clock.now());
    const { endpoints: alive, forgotten } = registered(items, this.#sightings, clock.now());
    // The last one to go leaves its address: there is no better, and it may come back.
    if (alive.length > 0) await publishEndpoints(client, alive);
    for (const lease of forgotten) await raced(client.delete(leases, keyOf(lease)));
  }

  async #say(serves: boolean): Promise<void> {
    const { client, clock } = this.#deps;
    const key = { namespace: identityNamespace, name: leaseName(this.#identity) };
    const previous = await raced(client.get(leases, key));
    const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const lease = identityLease(this.#identity, now, previous);
    if (!previous) await client.create(leases, lease);
    else await raced(client.update(leases, serves ? (lease as Lease) : withoutEndpoint(lease as Lease)));
  }
}

/** Lets the `kubernetes` service lead to these (`address:port`) and to nothing else. */
export async function publishEndpoints(client: Client, alive: readonly string[]): Promise<void> {
  const wanted = serviceEndpoints(alive);
  await write(client, endpoints, wanted.endpoints);
  for (const slice of wanted.slices) await write(client, endpointslices, slice);
  const names = new Set(wanted.slices.map(({ metadata }) => metadata.name));
  for (const slice of (await client.list(endpointslices, slicesOfService)).items)
    if (!names.has(slice.metadata.name)) await raced(client.delete(endpointslices, keyOf(slice)));
}

/** A write that changes nothing makes no revision; whoever is second looks again in the next round. */
async function write<T extends KubeObject>(client: Client, resource: Resource<T>, wanted: Manifest<T>): Promise<void> {
  const stored = await raced(client.get(resource, keyOf(wanted as KubeObject)));
  if (!stored) await client.create(resource, wanted);
  else
    await raced(
      client.update(resource, { ...stored, ...wanted, metadata: { ...stored.metadata, ...wanted.metadata } }),
    );
}

/** Undefined when it is not there, or another server was first. */
async function raced<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return undefined;
    throw error;
  }
}
