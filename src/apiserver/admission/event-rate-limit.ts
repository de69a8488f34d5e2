import type { Event } from '../../api/generated/types.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import { type AdmissionContext, type AdmissionPlugin, definePlugin } from './plugin.ts';

/** `eventratelimit.admission.k8s.io/v1alpha1` Configuration. */
interface Limit {
  type?: string;
  qps?: number;
  burst?: number;
  cacheSize?: number;
}

/** Whom a limit counts by. */
const keys: Record<string, (context: AdmissionContext<Event>) => string> = {
  Server: () => '',
  Namespace: ({ namespace }) => namespace,
  User: ({ user }) => user.name,
  SourceAndObject: ({ object }) => {
    const { source, involvedObject: about } = object as Event;
    const { kind, namespace, name, uid, apiVersion } = about ?? {};
    return [source?.component, source?.host, kind, namespace, name, uid, apiVersion].map((part) => part ?? '').join('');
  },
};

const defaultCacheSize = 4096;

/** Events are not written faster than that: who tells too much is told to wait. Throws an Error for limits that are none. */
export function eventRateLimit(configuration: unknown): AdmissionPlugin {
  const { limits = [] } = (configuration ?? {}) as { limits?: Limit[] };
  if (limits.length === 0) throw new Error('EventRateLimit: limits: Invalid value: []: must not be empty');
  const enforced = limits.map(enforcer);
  return definePlugin<Event>({
    name: 'EventRateLimit',
    verbs: ['create', 'update'],
    resources: ['events'],
    validate(context) {
      if (context.dryRun) return;
      const reached = enforced.flatMap((take) => take(context) ?? []);
      if (reached.length === 0) return;
      throw StatusError.of(
        'TooManyRequests',
        reached.length === 1 ? (reached[0] as string) : `[${reached.join(', ')}]`,
      );
    },
  });
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Takes one; a text where there is none left. */
function enforcer({ type = '', qps = 0, burst = 0, cacheSize = defaultCacheSize }: Limit, i: number) {
  const keyOf = keys[type];
  const path = `EventRateLimit: limits[${i}]`;
  if (!keyOf)
    throw new Error(
      `${path}.type: Unsupported value: ${JSON.stringify(type)}: supported values: ${Object.keys(keys)
        .toSorted()
        .map((name) => JSON.stringify(name))
        .join(', ')}`,
    );
  if (!(qps > 0)) throw new Error(`${path}.qps: Invalid value: ${qps}: must be positive`);
  if (!(burst >= qps))
    throw new Error(`${path}.burst: Invalid value: ${burst}: must be greater than or equal to the qps`);
  // The one that was asked for longest ago goes first.
  const buckets = new Map<string, Bucket>();
  return (context: AdmissionContext<Event>): string | undefined => {
    const key = keyOf(context);
    const nowMs = context.clock.now();
    const { tokens, atMs } = buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    const filled = Math.min(burst, tokens + ((nowMs - atMs) / 1000) * qps);
    buckets.delete(key);
    buckets.set(key, { tokens: filled >= 1 ? filled - 1 : filled, atMs: nowMs });
    if (buckets.size > cacheSize) buckets.delete(buckets.keys().next().value as string);
    return filled >= 1 ? undefined : `limit reached on type ${type} for key ${key}`;
  };
}
