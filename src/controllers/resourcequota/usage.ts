import { customresourcedefinitions, resourcequotas } from '../../api/generated/resources.ts';
import type { CustomResourceDefinition, ResourceQuota } from '../../api/generated/types.ts';
import type { Kind } from '../../api/kind.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { type Amounts, addTo, difference, one, only, readAmounts, writeAmounts } from '../../api/quota/amounts.ts';
import { isInScope } from '../../api/quota/scopes.ts';
import { usageOf } from '../../api/quota/usage.ts';
import { groupResource, keyOf, keyText, type Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';

/** A second look: what was written while the first one counted is in no book yet. */
const lookAgainMs = 2000;

/**
 * Counts what is there when a quota comes or changes. From then on the server itself keeps the book, in the same commit as
 * each change; nothing else has to be watched.
 */
export const resourceQuotaUsage = defineController({
  name: 'resourcequota.usage',
  serviceAccount: 'resourcequota-controller',
  eventSource: 'resourcequota-controller',
  setup(context) {
    const all = context.informer(resourcequotas);
    const definitions = context.informer(customresourcedefinitions);
    /** By key: the version that looked wrong at the first look. */
    const doubted = new Map<string, string>();
    return {
      watches: [watch(all, (quota) => [keyText(keyOf(quota))], needsCount)],
      async reconcile(key, client) {
        const quota = all.get(key);
        if (!quota) {
          doubted.delete(key);
          return done;
        }
        const { resourceVersion = '' } = quota.metadata;
        const hard = quota.spec?.hard ?? {};
        const used = await count(client, quota, resourcesFor(Object.keys(hard), context.kinds, definitions.list()));
        const status = { hard, used: writeAmounts(used) };
        if (sameAmounts(quota.status, status)) {
          doubted.delete(key);
          return done;
        }
        // What the server booked meanwhile makes the count look wrong: only what stays different is corrected.
        const isKnown = sameJson(quota.status?.hard, hard);
        if (isKnown && doubted.get(key) !== resourceVersion) {
          doubted.set(key, resourceVersion);
          return requeueAfter(lookAgainMs);
        }
        try {
          await client.update(resourcequotas, { ...quota, status }, { subresource: 'status' });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return requeueAfter(lookAgainMs);
      },
    };
  },
});

/** The book changes with every object; that alone is no reason to count. */
const needsCount = (old: ResourceQuota, quota: ResourceQuota): boolean =>
  !sameJson(old.spec, quota.spec) || !sameJson(quota.status?.hard, quota.spec?.hard);

/** The same amount may be written in two ways. */
const sameAmounts = (a: ResourceQuota['status'], b: { hard: object; used: Record<string, string> }): boolean =>
  sameJson(a?.hard, b.hard) &&
  sameJson(Object.keys(a?.used ?? {}).sort(), Object.keys(b.used).sort()) &&
  Object.keys(difference(readAmounts(a?.used), readAmounts(b.used))).length === 0;

async function count(client: Client, quota: ResourceQuota, resources: Resource[]): Promise<Amounts> {
  const names = new Set(Object.keys(quota.spec?.hard ?? {}));
  const hard = readAmounts(quota.spec?.hard);
  const zero = (name: string) => ({ nanos: 0n, format: hard[name]?.format ?? one.format });
  const sums: Amounts = Object.fromEntries([...names].map((name) => [name, zero(name)]));
  for (const resource of resources) {
    const { items } = await client.list(resource, { namespace: quota.metadata.namespace });
    const name = groupResource(resource);
    for (const object of items) {
      if (isInScope(quota, name, object)) addTo(sums, only(usageOf(name, object), names));
    }
  }
  return sums;
}

/** Those that the names of a quota are about; a name that nothing is known of stays at zero. */
function resourcesFor(names: string[], kinds: readonly Kind[], definitions: CustomResourceDefinition[]): Resource[] {
  const wanted = new Set(names.map(resourceOf));
  const found = new Map<string, Resource>();
  for (const kind of kinds) {
    const name = groupResource(kind);
    if (kind.namespaced && kind.verbs.includes('list') && wanted.has(name) && !found.has(name)) found.set(name, kind);
  }
  for (const { spec } of definitions) {
    const name = `${spec.names.plural}.${spec.group}`;
    const version = spec.versions.find((v) => v.served)?.name;
    if (!wanted.has(name) || version === undefined || spec.scope !== 'Namespaced') continue;
    found.set(name, {
      group: spec.group,
      version,
      resource: spec.names.plural,
      kind: spec.names.kind,
      namespaced: true,
    });
  }
  return [...found.values()];
}

function resourceOf(name: string): string {
  if (name.startsWith('count/')) return name.slice('count/'.length);
  if (name.startsWith('services.')) return 'services';
  if (name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/')) return 'persistentvolumeclaims';
  const plain = [
    'configmaps',
    'secrets',
    'replicationcontrollers',
    'resourcequotas',
    'services',
    'persistentvolumeclaims',
  ];
  return plain.includes(name) ? name : 'pods';
}
