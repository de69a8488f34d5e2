import type { Rng } from '../../base/rng.ts';
import type { Change } from '../journal.ts';
import type { RecordCodec } from '../record.ts';
import type { Copy } from '../slabs.ts';
import type { Store } from '../store.ts';
import { toBytes, type Version } from '../version.ts';
import { ruleFor, type SealingRule } from './encryption-config.ts';
import { identity, type Provider } from './providers.ts';
import { sealedRecords } from './sealed-records.ts';
import type { SealingMetrics } from './sealing-metrics.ts';

/** Records under rules that may be others tomorrow: a journal keeps one codec for as long as it is open. */
export class ChangeableRecords implements RecordCodec {
  readonly #rng: Rng;
  readonly #metrics: SealingMetrics;
  #codec: RecordCodec;
  /** All that held since the start: something may still be sealed by any of them. */
  readonly #held: (readonly SealingRule[])[];

  constructor(rules: readonly SealingRule[], rng: Rng, metrics: SealingMetrics) {
    this.#rng = rng;
    this.#metrics = metrics;
    this.#codec = sealedRecords(rules, rng, metrics);
    this.#held = [rules];
  }

  /**
   * Seals by other rules from now on. Rejects with an Error, and changes nothing, where they could not open what may be sealed by the
   * rules of before: a journal of its own would not start any more.
   */
  async change(rules: readonly SealingRule[], store: Pick<Store, 'resources' | 'all'>): Promise<void> {
    const next = sealedRecords(rules, this.#rng, this.#metrics);
    for (const resource of store.resources()) {
      const held = this.#held.flatMap((rules) => ruleFor(rules, resource) ?? []);
      if (held.length === 0) continue;
      const used = usedProviders(held, sealsOf(store.all(resource)));
      for (const provider of used) await this.#check(next, resource, provider);
    }
    this.#codec = next;
    this.#held.push(rules);
  }

  async #check(next: RecordCodec, resource: string, provider: Provider): Promise<void> {
    const record = sealedRecords([{ resources: [resource], providers: [provider] }], this.#rng).encode(probe(resource));
    try {
      await next.prepare?.(record);
      if (next.decode(0, record).version.key === probeKey) return;
    } catch {
      // Said below, in words that are about the rules.
    }
    throw new Error(
      `${resource} may still be sealed with ${provider.prefix} and could not be read: that provider goes with a start of the server, which seals everything anew`,
    );
  }

  get seals(): boolean {
    return this.#codec.seals;
  }

  encode(change: Change): Buffer {
    return this.#codec.encode(change);
  }

  sealNow(resource: string): string | undefined {
    return this.#codec.sealNow?.(resource);
  }

  refusal(resource: string): string | undefined {
    return this.#codec.refusal?.(resource);
  }

  decode(revision: number, record: Buffer, copy?: Copy): Change {
    return this.#codec.decode(revision, record, copy);
  }

  /** Absent as long as nobody has to be asked: a start then need not look at every record twice. */
  get prepare(): RecordCodec['prepare'] {
    return this.#codec.prepare;
  }
}

/** The ones that rules have sealed a resource with, and those that some object is sealed with. */
const usedProviders = (held: readonly SealingRule[], seals: ReadonlySet<string>): Set<Provider> =>
  new Set(
    held.flatMap(({ providers }) =>
      providers.filter(
        (provider, i) =>
          provider !== identity && (i === 0 || [...seals].some((seal) => seal.startsWith(provider.prefix))),
      ),
    ),
  );

function sealsOf(versions: Iterable<Version>): Set<string> {
  const seals = new Set<string>();
  for (const { seal } of versions) if (seal) seals.add(seal);
  return seals;
}

const probeKey = 'probe';

const probe = (resource: string): Change => ({
  version: {
    ...{ resource, key: probeKey, revision: 0, uid: '', labels: undefined, fields: undefined },
    bytes: toBytes('{}'),
  },
  deleted: false,
  previous: undefined,
});
