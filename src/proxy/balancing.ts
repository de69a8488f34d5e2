import { endpointslices, nodes, services } from '../api/generated/resources.ts';
import type { EndpointSlice } from '../api/generated/types.ts';
import type { KubeObject } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { TurnWriter } from '../base/turn-writer.ts';
import type { Informer, InformerHandler } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import { type AnnouncingNode, announcedAddresses } from './announced.ts';
import type { Announce } from './announcer.ts';
import { type HealthCheckServers, healthChecksOf } from './health-checks.ts';
import { serviceNameLabel } from './service-book.ts';

export interface BalancingDeps {
  informers: Informers;
  healthChecks: HealthCheckServers;
  announce: Announce;
  clock: Clock;
  log: Logger;
}

const sliceIndex = 'balanced service';
const balancedIndex = 'balanced';

/**
 * What a node does for services of type LoadBalancer besides its table: it answers for their addresses on the link where it is
 * its turn, and says on their health check ports whether they are answered here.
 */
export class Balancing {
  readonly #deps: BalancingDeps;
  readonly #self: AnnouncingNode;
  readonly #writer: TurnWriter;
  readonly #removeHandlers: (() => void)[] = [];
  #isStopped = false;
  /** What was announced last; undefined: not known. */
  #announced: string | undefined;

  constructor(deps: BalancingDeps, self: AnnouncingNode) {
    this.#deps = deps;
    this.#self = self;
    const { clock, log } = deps;
    const write = (whole: boolean) => this.#write(whole);
    this.#writer = new TurnWriter({ clock, log, what: 'addresses of load balancers', write });
  }

  /** Asks for its informers and begins once all have their first list; does not start them. */
  start(): void {
    const { informers } = this.#deps;
    const slices = informers.informer(endpointslices);
    slices.addIndex(sliceIndex, ({ metadata: { namespace, labels } }) => [
      `${namespace}/${labels?.[serviceNameLabel] ?? ''}`,
    ]);
    const allServices = informers.informer(services);
    allServices.addIndex(balancedIndex, ({ spec }) => (spec.type === 'LoadBalancer' ? [''] : []));
    const all: Informer[] = [allServices, slices, informers.informer(nodes)] as never[];
    const touch = () => this.#writer.touch();
    const handler: InformerHandler<KubeObject> = { added: touch, updated: touch, deleted: touch };
    void Promise.all(all.map((informer) => informer.synced)).then(() => {
      if (!this.#isStopped) for (const informer of all) this.#removeHandlers.push(informer.addHandler(handler));
    });
  }

  /** Stops following and answering. Addresses stay on the link, as the table stays. */
  stop(): void {
    this.#isStopped = true;
    this.#writer.stop();
    this.#deps.healthChecks.close();
    for (const remove of this.#removeHandlers.splice(0)) remove();
  }

  async #write(whole: boolean): Promise<void> {
    const { informers, healthChecks, announce, log } = this.#deps;
    const balanced = informers.informer(services).index(balancedIndex, '');
    const slicesOf = (key: string): EndpointSlice[] => informers.informer(endpointslices).index(sliceIndex, key);
    healthChecks.set(healthChecksOf(balanced, slicesOf, this.#self.name));
    const nodeList = informers.informer(nodes).list();
    const wanted = announcedAddresses({ services: balanced, slicesOf, nodes: nodeList }, this.#self);
    const text = [...wanted].sort().join();
    if (!whole && text === this.#announced) return;
    await announce(wanted);
    if (text !== this.#announced) log.info({ addresses: wanted.size }, 'answering for addresses of load balancers');
    this.#announced = text;
  }
}
