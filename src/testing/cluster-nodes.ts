import type { Client } from '../client/client.ts';
import type { HollowNodes } from '../simulation/hollow/hollow-nodes.ts';
import { type NodeOptions, nodeSpecOf } from './options.ts';

/** The hollow nodes of a cluster: kubelets without containers. */
export class ClusterNodes {
  readonly #nodes: () => HollowNodes;
  readonly #client: Client;

  /** `nodes`: the set of the day; a reset makes another. @internal */
  constructor(nodes: () => HollowNodes, client: Client) {
    this.#nodes = nodes;
    this.#client = client;
  }

  /** Those that were added here, up or down. */
  get names(): string[] {
    return this.#nodes().names;
  }

  /** Adds nodes; answers with their names when they are registered and ready. */
  async add(count = 1, options: NodeOptions = {}): Promise<string[]> {
    return this.#nodes().add(count, nodeSpecOf(options));
  }

  /** The node goes silent, as if its cable were cut: pods run on and nobody hears of them. */
  stop(name: string): void {
    this.#nodes().stop(name);
  }

  /** The machine dies: what ran on it is gone, also when it comes back. */
  crash(name: string): void {
    this.#nodes().stop(name, { loses: true });
  }

  /** A node that was stopped or crashed is back. */
  async start(name: string): Promise<void> {
    await this.#nodes().start(name);
  }

  /** Takes the machine away and deletes its Node. */
  async remove(name: string): Promise<void> {
    await this.#nodes().remove(name, this.#client);
  }
}
