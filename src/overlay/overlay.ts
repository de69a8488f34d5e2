import { nodes } from '../api/generated/resources.ts';
import type { Node } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { TurnWriter } from '../base/turn-writer.ts';
import type { InformerHandler } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import { cniConfig, writeCniConfig } from './cni-config.ts';
import { type OverlayNode, overlayNodeOf, planRoutes, routeLines, type Self } from './route-plan.ts';
import type { Routes } from './routes.ts';
import { forwardingLines, tunnelLines } from './tunnel-plan.ts';

export interface OverlayDeps {
  informers: Informers;
  routes: Routes;
  clock: Clock;
  log: Logger;
}

export interface OverlayOptions {
  nodeName: string;
  /** Unique on the machine, e.g. `knarr-CLUSTER-NODE`. */
  networkName: string;
  /** The container runtime's CNI configuration folder of this node. */
  cniConfDir: string;
  /** Where this node's pod addresses are kept. */
  cniDataDir: string;
  tunnel: Self['tunnel'];
  serverMachine?: Self['serverMachine'];
}

/**
 * Gives this node's pods a network: the CNI configuration for the block that the server gave the node, forwarding, and
 * routes to the pods of all other nodes, straight or through a tunnel, kept by watching nodes.
 */
export class Overlay {
  readonly #deps: OverlayDeps;
  readonly #options: OverlayOptions;
  #removeHandler: () => void = () => {};
  readonly #writer: TurnWriter;
  #isStopped = false;
  /** What the last good synchronisation was for. */
  #done = '';
  #resolveReady: () => void = () => {};
  /** Resolves when this node has its CNI configuration and the first routes. */
  readonly ready: Promise<void>;

  constructor(deps: OverlayDeps, options: OverlayOptions) {
    this.#deps = deps;
    this.#options = options;
    const { clock, log } = deps;
    this.#writer = new TurnWriter({ clock, log, what: 'the pod network', write: () => this.#sync() });
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  /** Asks for its informer and begins with its first list; does not start it. */
  start(): void {
    const informer = this.#deps.informers.informer(nodes);
    const touch = () => this.#writer.touch();
    const handler: InformerHandler<Node> = { added: touch, updated: touch, deleted: touch };
    void informer.synced.then(() => {
      if (!this.#isStopped) this.#removeHandler = informer.addHandler(handler);
    });
  }

  /** Stops following. Configuration and routes stay: running pods go on. */
  stop(): void {
    this.#isStopped = true;
    this.#writer.stop();
    this.#removeHandler();
  }

  async #sync(): Promise<void> {
    const found = this.#deps.informers.informer(nodes).list();
    const overlay = found.flatMap((node) => overlayNodeOf(node) ?? []);
    overlay.sort((a, b) => (a.name < b.name ? -1 : 1));
    // A node that comes back after it was cut off may have lost routes with its link: it looks again.
    const own = found.find(({ metadata }) => metadata.name === this.#options.nodeName);
    const wanted = JSON.stringify([readySince(own), overlay]);
    // Most changes of nodes are conditions and images.
    if (wanted === this.#done) return;
    await this.#write(overlay);
    this.#done = wanted;
  }

  async #write(wanted: readonly OverlayNode[]): Promise<void> {
    const { routes, log } = this.#deps;
    const { nodeName, networkName, cniConfDir, cniDataDir, tunnel, serverMachine } = this.#options;
    const { device } = tunnel;
    const links = await routes.links();
    const plan = planRoutes(wanted, { name: nodeName, links, tunnel, serverMachine });
    const apply = async (lines: string[]) => lines.length > 0 && (await routes.apply(lines));
    await apply(tunnelLines(await routes.tunnel(device), { device, wanted: plan.tunnel }));
    // Only now: the routes through a tunnel that was made anew went with it.
    await apply(routeLines(await routes.listOwn(), plan.routes));
    if (plan.tunnel) await routes.forward(forwardingLines(plan.tunnel));
    const self = wanted.find((node) => node.name === nodeName);
    if (!self) return;
    await routes.enableForwarding();
    const config = cniConfig({ networkName, podCIDR: self.podCIDR, dataDir: cniDataDir, mtu: plan.mtu });
    if (await writeCniConfig(cniConfDir, config)) log.info({ podCIDR: self.podCIDR, mtu: plan.mtu }, 'CNI configured');
    this.#resolveReady();
  }
}

const readySince = (node: Node | undefined): string | undefined =>
  node?.status.conditions?.find(({ type, status }) => type === 'Ready' && status === 'True')?.lastTransitionTime;
