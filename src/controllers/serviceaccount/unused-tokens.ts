import { configmaps, pods, secrets, serviceaccounts } from '../../api/generated/resources.ts';
import type { Pod, Secret } from '../../api/generated/types.ts';
import {
  accountNameKey,
  invalidSinceKey,
  lastUsedKey,
  tokenSecretType,
  trackingName,
} from '../../api/core/legacy-token.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { defineController, done, guardAfter, type Result, watch } from '../runtime.ts';

const dayMs = 86_400_000;
/** How long nobody has used a token before it is no longer taken; and how long after that its Secret goes. */
const unusedMs = 365 * dayMs;

/** What is to become of a token that nobody mounts. */
export type Fate = { do: 'invalidate' | 'remove' } | { do: 'wait'; ms: number };

/** `since`: the first day on which uses were noted. Days are 2026-01-31. */
export function fateOf(
  { metadata }: Pick<Secret, 'metadata'>,
  { since, nowMs }: { since: string; nowMs: number },
): Fate {
  const { labels = {}, creationTimestamp = '' } = metadata;
  const invalidMs = Date.parse(labels[invalidSinceKey] ?? '');
  const known = [Date.parse(labels[lastUsedKey] ?? ''), Date.parse(since), Date.parse(creationTimestamp)];
  const usedMs = Math.max(...known.filter((ms) => !Number.isNaN(ms)));
  const dueMs = (Number.isNaN(invalidMs) ? usedMs : invalidMs) + unusedMs;
  if (nowMs < dueMs) return { do: 'wait', ms: dueMs - nowMs };
  return { do: Number.isNaN(invalidMs) ? 'invalidate' : 'remove' };
}

const mountsOf = ({ metadata, spec }: Pod): string[] =>
  (spec.volumes ?? []).flatMap(({ secret }) => (secret ? [`${metadata.namespace}/${secret.secretName}`] : []));

/**
 * Tokens that Kubernetes made by itself for each service account, before 1.24, and that nobody has used for a year: first
 * they are no longer taken, a year later they go. Those that somebody asked for stay.
 */
export const serviceAccountUnusedTokens = defineController({
  name: 'serviceaccount.unused-tokens',
  serviceAccount: 'legacy-service-account-token-cleaner',
  workers: 1,
  setup(context) {
    const all = context.informer(secrets, { fieldSelector: `type=${tokenSecretType}` });
    const accounts = context.informer(serviceaccounts);
    const users = context.informer(pods);
    users.addIndex('secrets', mountsOf);
    const isGenerated = ({ metadata }: Secret): boolean => {
      const account = accounts.get(`${metadata.namespace}/${metadata.annotations?.[accountNameKey]}`);
      return account?.secrets?.some(({ name }) => name === metadata.name) ?? false;
    };
    return {
      watches: [watch(all, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`])],
      async reconcile(key, client): Promise<Result> {
        const secret = all.get(key);
        if (!secret || secret.metadata.deletionTimestamp || !isGenerated(secret)) return done;
        if (users.index('secrets', key).length > 0) return guardAfter(dayMs);
        const at = { namespace: 'kube-system', name: trackingName };
        const tracking = await client.get(configmaps, at).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
        if (!tracking?.data?.since) return guardAfter(dayMs);
        const fate = fateOf(secret, { since: tracking.data.since, nowMs: context.clock.now() });
        if (fate.do === 'wait') return guardAfter(Math.min(fate.ms, dayMs));
        const { namespace = '', name, uid, resourceVersion } = secret.metadata;
        if (fate.do === 'remove') {
          await client.delete(secrets, { namespace, name }, { preconditions: { uid, resourceVersion } });
          return done;
        }
        const today = new Date(context.clock.now()).toISOString().slice(0, 10);
        const body = { metadata: { uid, resourceVersion, labels: { [invalidSinceKey]: today } } };
        await client.patch(secrets, { namespace, name }, { type: 'merge', body });
        return guardAfter(dayMs);
      },
    };
  },
});
