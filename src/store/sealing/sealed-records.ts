import type { Rng } from '../../base/rng.ts';
import type { Change } from '../journal.ts';
import { decodeRecord, encodeRecord, type RecordCodec, recordOfSealed } from '../record.ts';
import { ruleFor, type SealingRule } from './encryption-config.ts';
import { identity, type Provider } from './providers.ts';
import { noSealingMetrics, type SealingMetrics } from './sealing-metrics.ts';

/**
 * Records whose objects are sealed, labels and all, those of deleted ones, too: what stays readable are resource, namespace, name
 * and uid. What is read tells how it was sealed.
 */
export const sealedRecords = (
  rules: readonly SealingRule[],
  rng: Rng,
  metrics: SealingMetrics = noSealingMetrics,
): RecordCodec => ({
  seals: rules.length > 0,
  encode(change) {
    const { resource } = change.version;
    const provider = writerOf(rules, resource);
    if (provider === identity) return encodeRecord(change);
    const sealed = provider.seal(encodeRecord(change), contextOf(change), rng);
    metrics.transformed({ resource, type: 'to_storage', prefix: provider.prefix });
    return recordOfSealed(change, Buffer.concat([Buffer.from(provider.prefix), sealed]));
  },
  decode(revision, record, copy) {
    const outer = decodeRecord(revision, record, copy);
    if (!outer.sealed) return outer;
    const { resource, key, bytes } = outer.version;
    const provider = providerFor(ruleFor(rules, resource)?.providers ?? [], bytes);
    if (!provider)
      throw new Error(`unable to transform key ${JSON.stringify(`${resource}/${key}`)}: no matching prefix found`);
    const value = bytes.subarray(provider.prefix.length);
    const inner = decodeRecord(revision, opened(value, { provider, outer }), copy);
    metrics.transformed({ resource, type: 'from_storage', prefix: provider.prefix });
    return { ...inner, version: { ...inner.version, seal: provider.sealOf?.(value) ?? provider.prefix } };
  },
  sealNow(resource) {
    const provider = writerOf(rules, resource);
    return provider === identity ? undefined : (provider.sealNow ?? provider.prefix);
  },
  refusal(resource) {
    const provider = writerOf(rules, resource);
    const why = provider.refusal?.();
    const { prefix } = provider;
    if (why !== undefined) metrics.transformed({ resource, type: 'to_storage', prefix, status: 'unknown-non-grpc' });
    return why;
  },
  ...(rules.some(({ providers }) => providers.some(({ prepare }) => prepare)) ? { prepare: preparing(rules) } : {}),
});

const writerOf = (rules: readonly SealingRule[], resource: string): Provider =>
  ruleFor(rules, resource)?.providers[0] ?? identity;

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
