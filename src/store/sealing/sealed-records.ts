import type { Rng } from '../../base/rng.ts';
import type { Change } from '../journal.ts';
import { decodeRecord, encodeRecord, type RecordCodec, recordOfSealed } from '../record.ts';
import { ruleFor, type SealingRule } from './encryption-config.ts';
import { identity, type Provider } from './providers.ts';

/**
 * Records whose objects are sealed, labels and all: what stays readable are resource, namespace, name and uid. Reading marks
 * as stale what the next write would seal otherwise.
 */
export const sealedRecords = (rules: readonly SealingRule[], rng: Rng): RecordCodec => ({
  seals: rules.length > 0,
  encode(change) {
    const provider = ruleFor(rules, change.version.resource)?.providers[0] ?? identity;
    if (provider === identity || change.deleted) return encodeRecord(change);
    const sealed = provider.seal(encodeRecord(change), contextOf(change), rng);
    return recordOfSealed(change, Buffer.concat([Buffer.from(provider.prefix), sealed]));
  },
  decode(revision, record, copy) {
    const outer = decodeRecord(revision, record, copy);
    if (!outer.sealed && rules.length === 0) return outer;
    const { resource, key } = outer.version;
    const providers = ruleFor(rules, resource)?.providers ?? [];
    if (!outer.sealed) {
      const isStale = !outer.deleted && providers.length > 0 && providers[0] !== identity;
      return isStale ? { ...outer, version: { ...outer.version, stale: true } } : outer;
    }
    const provider = providerFor(providers, outer.version.bytes);
    if (!provider)
      throw new Error(`unable to transform key ${JSON.stringify(`${resource}/${key}`)}: no matching prefix found`);
    const value = outer.version.bytes.subarray(provider.prefix.length);
    const inner = decodeRecord(revision, opened(value, { provider, outer }), copy);
    const isStale = provider !== providers[0] || provider.isStale?.(value);
    return isStale ? { ...inner, version: { ...inner.version, stale: true } } : inner;
  },
  ...(rules.some(({ providers }) => providers.some(({ prepare }) => prepare)) ? { prepare: preparing(rules) } : {}),
});

const providerFor = (providers: readonly Provider[], bytes: Buffer): Provider | undefined =>
  providers.find(({ prefix }) => prefix !== '' && bytes.subarray(0, prefix.length).toString() === prefix);

const preparing = (rules: readonly SealingRule[]) => (record: Buffer) => {
  const { version, sealed } = decodeRecord(0, record);
  if (!sealed) return undefined;
  const provider = providerFor(ruleFor(rules, version.resource)?.providers ?? [], version.bytes);
  try {
    return provider?.prepare?.(version.bytes.subarray(provider.prefix.length));
  } catch {
    // What is wrong with it is said by whoever decodes it.
    return undefined;
  }
};

function opened(
  sealed: Buffer,
  { provider, outer }: { provider: { open(b: Buffer, c: Buffer): Buffer }; outer: Change },
): Buffer {
  try {
    return provider.open(sealed, contextOf(outer));
  } catch (error) {
    const { resource, key } = outer.version;
    throw new Error(
      `unable to transform key ${JSON.stringify(`${resource}/${key}`)}: it was sealed with another key, or changed since`,
      {
        cause: error,
      },
    );
  }
}

/** What a sealed value belongs to: it cannot be put elsewhere. */
const contextOf = ({ version }: Change): Buffer => Buffer.from(`${version.resource}/${version.key}`);
