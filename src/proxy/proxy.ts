import { endpointslices, nodes, services } from '../api/generated/resources.ts';
import type { Node } from '../api/generated/types.ts';
import type { KubeObject } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { TurnWriter } from '../base/turn-writer.ts';
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
  /** What the table holds, unless a write failed. */
  #current: Ruleset | undefined;
  readonly #writer: TurnWriter;
  #isStopped = false;
  #resolveReady: () => void = () => {};
  /** Resolves when the table was written for the first time. */
  readonly ready: Promise<void>;

  constructor(deps: ServiceProxyDeps, options: ServiceProxyOptions) {
    this.#deps = deps;
    this.#node = options.node;
    const { clock, log } = deps;
    this.#writer = new TurnWriter({ clock, log, what: 'the table of services', write: (whole) => this.#write(whole) });
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  /** Asks for its informers and begins once both have their first list; does not start them. */
  start(): void {
    const { informers } = this.#deps;
    // Asked for before the informers start: a zone that is known from the beginning costs no second write.
    informers.informer(nodes);
    const both: Informer[] = [informers.informer(services), informers.informer(endpointslices)] as never[];
    const touch = () => this.#writer.touch();
    const handler: InformerHandler<KubeObject> = { added: touch, updated: touch, deleted: touch };
    Promise.all(both.map((informer) => informer.synced)).then(
      () => {
        if (this.#isStopped) return;
        for (const informer of both) this.#removeHandlers.push(informer.addHandler(handler));
        this.#removeHandlers.push(informers.informer(nodes).addHandler(this.#zoneHandler()));
        this.#writer.written().then(this.#resolveReady, () => {});
      },
      () => {},
    );
  }

  /** Stops following. The table stays: connections of a node whose agent restarts go on. */
  stop(): void {
    this.#isStopped = true;
    this.#writer.stop();
    for (const remove of this.#removeHandlers.splice(0)) remove();
  }

  /** The node's addresses changed: NodePorts move. */
  setAddresses(addresses: readonly string[]): void {
    this.#node = { ...this.#node, addresses };
    this.#writer.touch();
  }

  /** Only the zone of this node matters of all that happens to nodes. */
  #zoneHandler(): InformerHandler<Node> {
    const follow = ({ metadata: { name, labels } }: Node) => {
      const zone = labels?.['topology.kubernetes.io/zone'];
      if (name !== this.#node.name || zone === this.#node.zone) return;
      this.#node = { ...this.#node, zone };
      this.#writer.touch();
    };
    return { added: follow, updated: (_, node) => follow(node) };
  }

  async #write(whole: boolean): Promise<void> {
    const { informers, nft, removeFlows, log } = this.#deps;
    const from = this.#current;
    const state = {
      services: informers.informer(services).list(),
      endpointSlices: informers.informer(endpointslices).list(),
    };
    const to = render(state, this.#node, from);
    if (whole || !from || from.picks.size + from.elements.hairpin.size > maxLeftovers) {
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
