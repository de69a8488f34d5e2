import { configmaps } from '../../src/api/generated/resources.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import { StatusError } from '../../src/api/meta/status-error.ts';
import { realClock, sleep } from '../../src/base/clock.ts';
import type { Client, WatchEvent } from '../../src/client/client.ts';
import type { Ledger, Observed } from './ledger.ts';
import { labelSelector, namespace, observed } from './writers.ts';

/**
 * A client that lists once and then only watches, over every death of the server, from the last revision it saw. What it
 * has heard of must be what is there.
 */
export class Follower {
  readonly #ledger: Ledger;
  readonly #state = new Map<string, Observed>();
  #revision = '';
  #stop: () => void = () => {};
  #stopped = false;
  /** How often it was told that its revision is too old. */
  expired = 0;
  events = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async list(client: Client): Promise<void> {
    const { items, metadata } = await client.list(configmaps, { namespace, labelSelector });
    this.#state.clear();
    for (const item of items) this.#state.set(item.metadata.name, observed(item));
    this.#revision = metadata.resourceVersion;
  }

  /** Watches until the connection is lost or `stop` is called. */
  follow(client: Client): void {
    const handle = client.watch(
      configmaps,
      { namespace, labelSelector, resourceVersion: this.#revision },
      {
        events: (batch) => {
          for (const event of batch) this.#take(event);
        },
        end: (error) => {
          if (error instanceof StatusError && error.reason === 'Expired') this.expired += 1;
        },
      },
    );
    this.#stop = () => handle.stop();
  }

  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  /** Waits until it has heard of everything in `list`; says what is missing when that takes too long. */
  async agrees(list: readonly Observed[]): Promise<string[]> {
    let difference: string[] = [];
    for (let waited = 0; waited < 5000 && !this.#stopped; waited += 10) {
      difference = this.#difference(list);
      if (difference.length === 0) return [];
      await sleep(realClock, 10);
    }
    return difference;
  }

  #difference(list: readonly Observed[]): string[] {
    const there = new Map(list.map((object) => [object.key, object]));
    const keys = new Set([...there.keys(), ...this.#state.keys()]);
    return [...keys].flatMap((key) => {
      const [heard, is] = [this.#state.get(key), there.get(key)];
      return heard?.revision === is?.revision
        ? []
        : [`${key}: the watch says ${heard?.revision ?? 'gone'}, the list ${is?.revision ?? 'gone'}`];
    });
  }

  #take({ type, object }: WatchEvent<ConfigMap>): void {
    const now = observed(object);
    if (now.revision <= Number(this.#revision) && type !== 'BOOKMARK')
      this.#ledger.problems.push(`the watch went from ${this.#revision} back to ${now.revision}`);
    this.#revision = String(object.metadata.resourceVersion);
    if (type === 'BOOKMARK') return;
    this.events += 1;
    const before = this.#state.get(now.key);
    if ((type === 'ADDED') === (before !== undefined))
      this.#ledger.problems.push(
        `${now.key}: ${type} at ${now.revision}, but it was ${before ? 'there' : 'not there'}`,
      );
    this.#ledger.see(now.revision, type === 'DELETED' ? `${now.key} deleted` : `${now.key} ${now.token}`);
    if (type === 'DELETED') this.#state.delete(now.key);
    else this.#state.set(now.key, now);
  }
}
