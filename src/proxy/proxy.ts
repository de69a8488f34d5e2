import { endpointslices, services } from '../api/generated/resources.ts';
import type { KubeObject } from '../api/resource.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Informer, InformerHandler } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import type { Nft } from '../nft/nft.ts';
import { afterDiff, diff } from './diff.ts';
import { type RemoveFlows, staleFlows } from './flows.ts';
import type { ProxyNode } from './frontend.ts';
import { contentOf, type Ruleset, render } from './ruleset.ts';

export interface ServiceProxyDeps {
  informers: Informers;
  nft: Nft;
  removeFlows: RemoveFlows;
  clock: Clock;
  log: Logger;
}

export interface ServiceProxyOptions {
  node: ProxyNode;
}

const retry = { baseMs: 200, maxMs: 30_000 };
/** With more chains or hairpin entries left over than this, the table is written afresh. */
const maxLeftovers = 4096;

/**
 * Keeps the node's nftables table equal to what services and endpoint slices say: all of it when it starts, then only
 * what changed, joined per turn of the event loop. A transaction that fails is followed by a full replacement.
 */
export class ServiceProxy {
  readonly #deps: ServiceProxyDeps;
  #node: ProxyNode;
  readonly #removeHandlers: (() => void)[] = [];
  /** What the table holds; undefined when that is not known. */
  #current: Ruleset | undefined;
  #cancelNext: (() => void) | undefined;
  #failures = 0;
  #isSyncing = false;
  #isDirty = false;
  #isStopped = false;
  #resolveReady: () => void = () => {};
  /** Resolves when the table was written for the first time. */
  readonly ready: Promise<void>;

  constructor(deps: ServiceProxyDeps, options: ServiceProxyOptions) {
    this.#deps = deps;
    this.#node = options.node;
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  /** Asks for its informers and begins once both have their first list; does not start them. */
  start(): void {
    const { informers } = this.#deps;
    const both: Informer[] = [informers.informer(services), informers.informer(endpointslices)] as never[];
    const touch = () => this.#schedule(0);
    const handler: InformerHandler<KubeObject> = { added: touch, updated: touch, deleted: touch };
    Promise.all(both.map((informer) => informer.synced)).then(
      () => {
        if (this.#isStopped) return;
        for (const informer of both) this.#removeHandlers.push(informer.addHandler(handler));
        this.#schedule(0);
      },
      () => {},
    );
  }

  /** Stops following. The table stays: connections of a node whose agent restarts go on. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelNext?.();
    for (const remove of this.#removeHandlers.splice(0)) remove();
  }

  /** The node's addresses changed: NodePorts move. */
  setAddresses(addresses: readonly string[]): void {
    this.#node = { ...this.#node, addresses };
    this.#schedule(0);
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#isDirty = true;
    if (this.#isSyncing || this.#cancelNext) return;
    this.#cancelNext = this.#deps.clock.after(delayMs, () => {
      this.#cancelNext = undefined;
      void this.#sync();
    });
  }

  async #sync(): Promise<void> {
    this.#isSyncing = true;
    this.#isDirty = false;
    let delayMs = 0;
    try {
      await this.#write();
      this.#failures = 0;
      this.#resolveReady();
    } catch (error) {
      this.#current = undefined;
      this.#isDirty = true;
      delayMs = backoffMs(++this.#failures, retry);
      this.#deps.log.warn({ error: String(error), failures: this.#failures }, 'writing the service table failed');
    }
    this.#isSyncing = false;
    if (this.#isDirty) this.#schedule(delayMs);
  }

  async #write(): Promise<void> {
    const { informers, nft, removeFlows, log } = this.#deps;
    const from = this.#current;
    const state = {
      services: informers.informer(services).list(),
      endpointSlices: informers.informer(endpointslices).list(),
    };
    const to = render(state, this.#node, from);
    if (!from || from.picks.size + from.elements.hairpin.size > maxLeftovers) {
      await nft.replace(contentOf(to));
      this.#current = to;
      log.info({ frontends: to.slots.size }, 'service table written');
    } else {
      const changes = diff(from, to);
      await nft.apply(changes);
      this.#current = afterDiff(from, to);
      log.debug({ changes: changes.length, frontends: to.slots.size }, 'service table changed');
    }
    if (from) await removeFlows(staleFlows(from, to));
  }
}
