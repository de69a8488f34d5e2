import { createHash } from 'node:crypto';
import { exponentialBuckets, Metrics, type Sample } from '../../../base/metrics.ts';
import { RpcError } from '../../../rpc/rpc-error.ts';

type Transformation = 'from_storage' | 'to_storage';

/** How a text that must not be shown is told: `sha256:…`; empty for an empty one. */
export const hashOf = (text: string): string =>
  text === '' ? '' : `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** As many keys as upstream has times of. */
const maxKeys = 10;

/** When keys were last seen, of the last few. Labels end with the server's. */
class Times {
  readonly #samples = new Map<string, Sample>();

  note(labels: readonly string[], nowMs: number): void {
    const id = labels.join('\u0000');
    this.#samples.delete(id);
    this.#samples.set(id, { labels, value: nowMs / 1000 });
    const [oldest] = this.#samples.keys();
    if (this.#samples.size > maxKeys && oldest !== undefined) this.#samples.delete(oldest);
  }

  values(): Iterable<Sample> {
    return this.#samples.values();
  }
}

const name = (rest: string): string => `apiserver_envelope_encryption_${rest}`;

/** What plugins are asked and which of their keys are used, by upstream's names (apiserver/pkg/storage/value/encrypt/envelope/metrics). */
export class KmsMetrics {
  readonly #server: string;
  readonly #uses;
  readonly #lastUses = new Times();
  readonly #lastStatus = new Times();
  readonly #invalid;
  readonly #latencies;
  readonly #misses;
  readonly #seeds = new Map<string, () => number>();
  /** Hashes of the last few keys: every write and every read of a start is counted. */
  readonly #hashes = new Map<string, string>();

  /** `server`: the name of this server among others; shown as a hash. */
  constructor(metrics = new Metrics(), server = '') {
    this.#server = hashOf(server);
    const used = ['transformation_type', 'provider_name', 'key_id_hash', 'apiserver_id_hash'];
    this.#uses = metrics.counter(name('key_id_hash_total'), '[ALPHA] Number of times a keyID is used.', used);
    metrics.gauge(
      name('key_id_hash_last_timestamp_seconds'),
      '[ALPHA] The last time in seconds when a keyID was used.',
      used,
      () => this.#lastUses.values(),
    );
    metrics.gauge(
      name('key_id_hash_status_last_timestamp_seconds'),
      '[ALPHA] The last time in seconds when a keyID was returned by the Status RPC call.',
      used.slice(1),
      () => this.#lastStatus.values(),
    );
    this.#invalid = metrics.counter(
      name('invalid_key_id_from_status_total'),
      '[ALPHA] Number of times an invalid keyID is returned by the Status RPC call split by error.',
      ['provider_name', 'error'],
    );
    this.#latencies = metrics.histogram(
      name('kms_operations_latency_seconds'),
      '[ALPHA] KMS operation duration with gRPC error code status total.',
      {
        labelNames: ['provider_name', 'method_name', 'grpc_status_code'],
        bounds: exponentialBuckets(0.0001, 2, 20),
      },
    );
    metrics.gauge(
      name('dek_source_cache_size'),
      '[ALPHA] Number of records in data encryption key (DEK) source cache.',
      ['provider_name'],
      () => [...this.#seeds].map(([provider, size]) => ({ labels: [provider], value: size() })),
    );
    this.#misses = metrics
      .counter(
        'apiserver_storage_envelope_transformation_cache_misses_total',
        '[ALPHA] Total number of cache misses while accessing key decryption key(KEK).',
        [],
      )
      .of([]);
  }

  used(type: Transformation, { provider, keyId, nowMs }: { provider: string; keyId: string; nowMs: number }): void {
    const labels = [type, provider, this.#hashOf(keyId), this.#server];
    this.#uses.add(labels);
    this.#lastUses.note(labels, nowMs);
  }

  /** A plugin has said which key it uses. */
  told({ provider, keyId, nowMs }: { provider: string; keyId: string; nowMs: number }): void {
    this.#lastStatus.note([provider, hashOf(keyId), this.#server], nowMs);
  }

  invalidKeyId(provider: string, error: 'empty' | 'too_long'): void {
    this.#invalid.add([provider, error]);
  }

  /** A seed had to be asked for. */
  missed(): void {
    this.#misses(1);
  }

  /** A call of a plugin has ended. */
  called(provider: string, { method, seconds, error }: { method: string; seconds: number; error?: unknown }): void {
    const code = error === undefined ? 'OK' : error instanceof RpcError ? error.code : 'unknown-non-grpc';
    this.#latencies.observe([provider, method, code], seconds);
  }

  #hashOf(keyId: string): string {
    let hash = this.#hashes.get(keyId);
    if (hash === undefined) {
      if (this.#hashes.size >= maxKeys) this.#hashes.clear();
      this.#hashes.set(keyId, (hash = hashOf(keyId)));
    }
    return hash;
  }

  /** How many seeds are known is asked when somebody looks. */
  countSeeds(provider: string, size: () => number): void {
    this.#seeds.set(provider, size);
  }
}
