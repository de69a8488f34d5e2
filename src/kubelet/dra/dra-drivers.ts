import { resourceslices } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { PluginConnection } from '../plugins/plugin-connection.ts';
import type { PluginHandler, RegisteredPlugin } from '../plugins/plugin-watcher.ts';
import { type ClaimReference, draMethods, draVersions, type PreparedDevice, type PrepareAnswer } from './dra-api.ts';

/** As upstream: a driver that is upgraded comes back within that time, and its devices stay on offer. */
const sweepMs = 30_000;
/** As long as upstream waits for a driver. */
const callMs = 45_000;

export interface DraDriversDeps {
  client: Client;
  clock: Clock;
  log: Logger;
  nodeName: string;
  /** Where a path that programs in pods know is on this machine. */
  nodePath(path: string): string;
  /** A driver may be used now. */
  registered(): void;
}

/** The drivers of claimed devices on this node (KEP-4381): those that have registered. */
export class DraDrivers implements PluginHandler {
  readonly #deps: DraDriversDeps;
  readonly #drivers = new Map<string, PluginConnection>();
  #cancelSweep: (() => void) | undefined;

  constructor(deps: DraDriversDeps) {
    this.#deps = deps;
  }

  /** What drivers that never come back have on offer goes. */
  start(): void {
    this.#sweepLater();
  }

  async register({ name, endpoint, versions }: RegisteredPlugin): Promise<void> {
    const { clock, nodePath, registered } = this.#deps;
    const known = Object.keys(draVersions) as (keyof typeof draVersions)[];
    const version = known.find((one) => versions.includes(one));
    if (!version)
      throw new Error(`the driver speaks none of ${known.join(', ')}, but ${versions.join(', ') || 'nothing at all'}`);
    this.#drivers.get(name)?.close();
    const methods = draMethods(draVersions[version]);
    this.#drivers.set(name, new PluginConnection(nodePath(endpoint), { clock, methods }));
    registered();
  }

  async unregister(name: string): Promise<void> {
    this.#drivers.get(name)?.close();
    this.#drivers.delete(name);
    this.#sweepLater();
  }

  stop(): void {
    this.#cancelSweep?.();
    for (const driver of this.#drivers.values()) driver.close();
    this.#drivers.clear();
  }

  /** Makes the devices of a claim ready that are this driver's. Rejects in words for an event. */
  async prepare(driver: string, claim: ClaimReference): Promise<PreparedDevice[]> {
    const answer = await this.#call(driver, 'NodePrepareResources', claim);
    return answer?.devices ?? [];
  }

  async unprepare(driver: string, claim: ClaimReference): Promise<void> {
    await this.#call(driver, 'NodeUnprepareResources', claim);
  }

  async #call(driver: string, method: string, claim: ClaimReference) {
    const connection = this.#drivers.get(driver);
    if (!connection) throw new Error(`DRA driver ${driver} is not registered`);
    const { claims = {} } = await connection.call<PrepareAnswer>(method, { claims: [claim] }, callMs);
    const answer = claims[claim.uid];
    const shown = `${method}: ${claim.namespace}/${claim.name}`;
    if (!answer) throw new Error(`${shown} is not in the answer of driver ${driver}`);
    if (answer.error) throw new Error(`${shown}: driver ${driver}: ${answer.error}`);
    return answer;
  }

  #sweepLater(): void {
    const { clock, log } = this.#deps;
    this.#cancelSweep?.();
    const sweep = () =>
      void this.#sweep().catch((error: unknown) => log.warn({ error: String(error) }, 'ResourceSlices are left'));
    this.#cancelSweep = clock.after(sweepMs, sweep, { background: true });
  }

  /** Deletes what drivers offer that are not there: nobody could prepare it. */
  async #sweep(): Promise<void> {
    const { client, log, nodeName } = this.#deps;
    const { items } = await client.list(resourceslices, { fieldSelector: `spec.nodeName=${nodeName}` });
    for (const slice of items) {
      const { driver } = slice.spec;
      if (this.#drivers.has(driver)) continue;
      log.info({ driver, slice: slice.metadata.name }, 'the driver is gone: its devices are offered no more');
      await client.delete(resourceslices, keyOf(slice)).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
  }
}
