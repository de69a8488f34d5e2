import type { Node } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { SampleWindow, type Window } from '../../base/sample-window.ts';
import { type NodeSample, parseSample } from './node-sample.ts';

export interface NodeSamplesDeps {
  clock: Clock;
  log: Logger;
  /** The text of a node's `/metrics/resource`. Rejects when the node does not answer in time. */
  ask(node: string): Promise<string>;
}

/** Nodes asked at a time. */
const maxAtOnce = 32;

/** Asks nodes what they use, when somebody asks. A node that is not asked again for long costs a few kilobytes. */
export class NodeSamples {
  readonly #deps: NodeSamplesDeps;
  readonly #windows = new Map<string, SampleWindow<NodeSample>>();

  constructor(deps: NodeSamplesDeps) {
    this.#deps = deps;
  }

  /** By name; without the nodes that do not answer. `known`: all nodes there are, others are forgotten. */
  async of(names: readonly string[], known: readonly Node[]): Promise<Map<string, Window<NodeSample>>> {
    const { log } = this.#deps;
    const found = new Map<string, Window<NodeSample>>();
    const left = [...names];
    const work = async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        try {
          found.set(name, await this.#window(name).window());
        } catch (error) {
          log.debug({ node: name, error: String(error) }, 'a node does not say what it uses');
        }
      }
    };
    await Promise.all(Array.from({ length: maxAtOnce }, work));
    const there = new Set(known.map(({ metadata }) => metadata.name));
    for (const name of this.#windows.keys()) if (!there.has(name)) this.#windows.delete(name);
    return found;
  }

  #window(name: string): SampleWindow<NodeSample> {
    const { clock, ask } = this.#deps;
    const window = this.#windows.get(name) ?? new SampleWindow(clock, async () => parseSample(await ask(name)));
    this.#windows.set(name, window);
    return window;
  }
}
