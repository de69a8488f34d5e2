import type { KV } from '../../api/generated/etcd.ts';
import { type Clock, every } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';

interface Deps {
  clock: Clock;
  log: Logger;
  kv: Pick<KV, 'Range' | 'Txn' | 'Compact'>;
}

/** Upstream's `--etcd-compaction-interval`. */
const intervalMs = 5 * 60_000;

/**
 * Throws away what etcd keeps of the past, five to ten minutes after it happened. Every server tries; a key on which they
 * compare and swap lets one of them do it each time. Its value is the revision that was compacted last.
 */
export class EtcdCompactor {
  readonly #deps: Deps;
  readonly #key: Uint8Array;
  #stop: () => void = () => {};
  /** As seen five minutes ago. */
  #seen: { version: number; revision: number } | undefined;

  constructor(deps: Deps, key: Uint8Array) {
    this.#deps = deps;
    this.#key = key;
  }

  start(): void {
    this.#stop = every(this.#deps.clock, intervalMs, () => {
      this.compact().catch((error: unknown) => this.#deps.log.warn({ error: String(error) }, 'compaction failed'));
    });
  }

  stop(): void {
    this.#stop();
  }

  /** The revision that was compacted last; 0: none. */
  async last(): Promise<number> {
    const { kvs } = await this.#deps.kv.Range({ key: this.#key });
    return Number(Buffer.from(kvs?.[0]?.value ?? []).toString() || 0);
  }

  /** One round: compacts to where etcd was in the round before, if no other server did since. */
  async compact(): Promise<void> {
    const seen = this.#seen;
    if (seen && (await this.#swap(seen.version, seen.revision))) {
      await this.#deps.kv.Compact({ revision: seen.revision });
      this.#deps.log.debug({ revision: seen.revision }, 'etcd compacted');
    }
    this.#seen = await this.#look();
  }

  /** Says that there is nothing before `revision`, unless another server has just said so. */
  async note(revision: number): Promise<void> {
    await this.#swap((await this.#look()).version, revision);
  }

  async #look(): Promise<{ version: number; revision: number }> {
    const { header, kvs } = await this.#deps.kv.Range({ key: this.#key });
    return { version: kvs?.[0]?.version ?? 0, revision: header?.revision ?? 0 };
  }

  async #swap(version: number, revision: number): Promise<boolean> {
    const compare = [{ key: this.#key, target: 'VERSION', result: 'EQUAL', version } as const];
    const value = Buffer.from(String(revision));
    const { succeeded } = await this.#deps.kv.Txn({ compare, success: [{ requestPut: { key: this.#key, value } }] });
    return succeeded === true;
  }
}
