import { endpointslices, nodes, services } from '../api/generated/resources.ts';
import type { EndpointSlice, Node, Service } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { TurnWriter } from '../base/turn-writer.ts';
import type { InformerHandler } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import type { Nft } from '../nft/nft.ts';
import type { RemoveFlows } from './flows.ts';
import type { ProxyNode } from './frontend.ts';
import { ServiceBook } from './service-book.ts';

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

/** With more chains made on the way than this, the table is written afresh. */
const maxPicks = 4096;

/**
 * Keeps the node's nftables table equal to what services and endpoint slices say: all of it when it starts, then only
 * what changed, joined per turn of the event loop. A transaction that fails is followed by a full replacement.
 */
export class ServiceProxy {
  readonly #deps: ServiceProxyDeps;
  readonly #removeHandlers: (() => void)[] = [];
  #book: ServiceBook;
  /** The kernel has the book's table, but for what `takeChanges` says. */
  #isWritten = false;
  #isFirstDone = false;
  readonly #writer: TurnWriter;
  #isStopped = false;
  #resolveReady: () => void = () => {};
  /** Resolves when the table was written for the first time. */
  readonly ready: Promise<void>;

  constructor(deps: ServiceProxyDeps, options: ServiceProxyOptions) {
    this.#deps = deps;
    this.#book = new ServiceBook(options.node);
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
    const allServices = informers.informer(services);
    const allSlices = informers.informer(endpointslices);
    void Promise.all([allServices.synced, allSlices.synced]).then(() => {
      if (this.#isStopped) return;
      this.#removeHandlers.push(
        allSlices.addHandler(
          this.#follow<EndpointSlice>(
            (slice) => this.#book.setSlice(slice),
            (slice) => this.#book.removeSlice(slice),
          ),
        ),
        allServices.addHandler(
          this.#follow<Service>(
            (service) => this.#book.setService(service),
            (service) => this.#book.removeService(service),
          ),
        ),
        informers.informer(nodes).addHandler(this.#zoneHandler()),
      );
      this.#writer.written().then(this.#resolveReady, () => {});
    });
  }

  /** Stops following. The table stays: connections of a node whose agent restarts go on. */
  stop(): void {
    this.#isStopped = true;
    this.#writer.stop();
    for (const remove of this.#removeHandlers.splice(0)) remove();
  }

  /** The node's addresses changed: NodePorts move. */
  setAddresses(addresses: readonly string[]): void {
    this.#setNode({ ...this.#book.node, addresses });
  }

  #setNode(node: ProxyNode): void {
    this.#book.setNode(node);
    this.#writer.touch();
  }

  #follow<T>(set: (object: T) => void, remove: (object: T) => void): InformerHandler<T> {
    const touching = (change: (object: T) => void) => (object: T) => {
      change(object);
      this.#writer.touch();
    };
    const put = touching(set);
    return { added: put, updated: (_, object) => put(object), deleted: touching(remove) };
  }

  /** Only the zone of this node matters of all that happens to nodes. */
  #zoneHandler(): InformerHandler<Node> {
    const follow = ({ metadata: { name, labels } }: Node) => {
      const zone = labels?.['topology.kubernetes.io/zone'];
      if (name === this.#book.node.name && zone !== this.#book.node.zone) this.#setNode({ ...this.#book.node, zone });
    };
    return { added: follow, updated: (_, node) => follow(node) };
  }

  async #write(whole: boolean): Promise<void> {
    const { nft, removeFlows, log } = this.#deps;
    if (this.#book.pickCount > maxPicks) this.#startOver();
    if (whole || !this.#isWritten) {
      const content = this.#book.takeContent();
      // Before the first table no flow was ours.
      if (!this.#isFirstDone) this.#book.takeStaleFlows();
      this.#isWritten = true;
      await nft.replace(content);
      this.#isFirstDone = true;
      log.info({ services: this.#book.serviceCount }, 'service table written');
    } else {
      const changes = this.#book.takeChanges();
      await nft.apply(changes);
      log.debug({ changes: changes.length }, 'service table changed');
    }
    await removeFlows(this.#book.takeStaleFlows());
  }

  /** Everything anew, without what is left over. Slots begin anew, too: clients that stick know their endpoint by its token. */
  #startOver(): void {
    const { informers } = this.#deps;
    this.#book = new ServiceBook(this.#book.node);
    for (const slice of informers.informer(endpointslices).list()) this.#book.setSlice(slice);
    for (const service of informers.informer(services).list()) this.#book.setService(service);
    this.#isWritten = false;
  }
}
