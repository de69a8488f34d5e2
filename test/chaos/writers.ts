import { configmaps } from '../../src/api/generated/resources.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import { StatusError, type StatusReason } from '../../src/api/meta/status-error.ts';
import type { Rng } from '../../src/base/rng.ts';
import type { Client } from '../../src/client/client.ts';
import type { Ledger, Observed } from './ledger.ts';

export const namespace = 'default';
/** Only what the writers wrote: the namespace has a config map of its own. */
export const labelSelector = 'chaos=write';

export const observed = (object: ConfigMap): Observed => ({
  key: object.metadata.name,
  revision: Number(object.metadata.resourceVersion),
  uid: object.metadata.uid ?? '',
  token: object.data?.token ?? '',
});

export interface Load {
  ledger: Ledger;
  rng: Rng;
  /** Names the run: keys and tokens of different runs differ. */
  run: string;
  /** Keys that each connection writes, one request at a time each. */
  keysPerConnection: number;
}

/** Answers after which nobody knows whether the write happened. */
const unknown: string[] = ['ServiceUnavailable', 'Timeout'] satisfies StatusReason[];

/** Connections that write without pause until the server is gone, each key by one of them. */
export class Writers {
  readonly #load: Load;
  #tokens = 0;

  constructor(load: Load) {
    this.#load = load;
  }

  /** Resolves when every connection is lost. */
  async run(clients: readonly Client[]): Promise<void> {
    const loops = clients.flatMap((client, connection) =>
      Array.from({ length: this.#load.keysPerConnection }, (_, i) => this.#follow(client, `w${connection}-${i}`)),
    );
    await Promise.all(loops);
  }

  async #follow(client: Client, key: string): Promise<void> {
    while (true) {
      try {
        await this.#step(client, key);
      } catch (error) {
        if (error instanceof StatusError && unknown.includes(error.reason)) return;
        throw error;
      }
    }
  }

  async #step(client: Client, key: string): Promise<void> {
    const { ledger, rng, run } = this.#load;
    const known = ledger.known(key);
    const token = `${run}.${++this.#tokens}`;
    if (rng.next() < 0.15) return this.#refused(client, { key, token, known });
    if (!known) {
      ledger.begin(key, { write: token });
      ledger.acknowledge(key, observed(await client.create(configmaps, manifest(key, token, rng))));
    } else if (rng.next() < 0.8) {
      ledger.begin(key, { write: token });
      const body = {
        ...manifest(key, token, rng),
        metadata: { ...meta(key), resourceVersion: String(known.revision) },
      };
      ledger.acknowledge(key, observed(await client.update(configmaps, body as ConfigMap)));
    } else {
      ledger.begin(key, { delete: true });
      await client.delete(configmaps, { namespace, name: key });
      ledger.acknowledge(key, undefined);
    }
  }

  /** A write that must be refused, each in a way that fits the state. */
  async #refused(client: Client, at: { key: string; token: string; known: Observed | undefined }): Promise<void> {
    const { key, token, known } = at;
    const { ledger, rng } = this.#load;
    const object = manifest(key, token, rng);
    ledger.begin(key, { write: token });
    const stale = { ...object, metadata: { ...meta(key), resourceVersion: String((known?.revision ?? 2) - 1) } };
    const [wanted, sent] = known
      ? rng.next() < 0.5
        ? (['AlreadyExists', client.create(configmaps, object)] as const)
        : (['Conflict', client.update(configmaps, stale as ConfigMap)] as const)
      : (['Invalid', client.create(configmaps, { ...object, data: { token, 'no key/': 'x' } })] as const);
    const reason = await sent.then(
      () => 'nothing',
      (error: unknown) => (error instanceof StatusError ? error.reason : String(error)),
    );
    if (unknown.includes(reason)) throw StatusError.of('ServiceUnavailable', 'the connection is lost');
    if (reason !== wanted) ledger.problems.push(`${key}: refused with ${reason}, not with ${wanted}`);
    ledger.refuse(key, token);
  }
}

const meta = (name: string) => ({ name, namespace, labels: { chaos: 'write' } });

/** Mostly small objects, some of many pages of the disk. */
function manifest(key: string, token: string, rng: Rng): ConfigMap {
  const size = rng.next() < 0.1 ? 60_000 : Math.floor(rng.next() * 2000);
  return { metadata: meta(key), data: { token, pad: 'x'.repeat(size) } } as ConfigMap;
}
