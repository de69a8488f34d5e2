import { customresourcedefinitions, resourcequotas } from '../../api/generated/resources.ts';
import type { CustomResourceDefinition, ResourceQuota } from '../../api/generated/types.ts';
import type { Kind } from '../../api/kind.ts';
import { isConflict, isNotFound } from '../../api/meta/status-error.ts';
import { type Amounts, addTo, difference, only, readAmounts, writeAmounts } from '../../api/quota/amounts.ts';
import { isInScope } from '../../api/quota/scopes.ts';
import { usageOf } from '../../api/quota/usage.ts';
import { groupResource, keyOf, keyText, type Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';

/** A second look, at what another server wrote before it had seen the quota. */
const lookAgainMs = 2000;
/** Every write that is booked comes between reading a quota and writing it. */
const maxConflicts = 10;

/**
 * Counts what is there when a quota comes or changes. The server keeps the book from the quota's first moment on, in the same
 * commit as each change; so what the book lacks at one version of the store, it lacks at every later one, and that is added.
 */
export const resourceQuotaUsage = defineController({
  name: 'resourcequota.usage',
  serviceAccount: 'resourcequota-controller',
  eventSource: 'resourcequota-controller',
  setup(context) {
    const all = context.informer(resourcequotas);
    const definitions = context.informer(customresourcedefinitions);
    return {
      watches: [watch(all, (quota) => [keyText(keyOf(quota))], needsCount)],
      async reconcile(key, client) {
        const quota = all.get(key);
        if (!quota) return done;
        const names = Object.keys(quota.spec?.hard ?? {});
        const missing = await missingAmounts(client, quota, resourcesFor(names, context.kinds, definitions.list()));
        const isWritten = missing && (await enter(client, quota, missing));
        return isWritten ? requeueAfter(lookAgainMs) : done;
      },
    };
  },
});

/** The quota as it is by now, and the version of the store. Undefined: it is gone, or limits something else. */
async function readAgain(client: Client, { metadata, spec }: ResourceQuota) {
  const { namespace = '', name, uid } = metadata;
  const { items, ...list } = await client.list(resourcequotas, { namespace, fieldSelector: `metadata.name=${name}` });
  const quota = items.find((each) => each.metadata.uid === uid && sameJson(each.spec, spec));
  return quota && { quota, resourceVersion: list.metadata.resourceVersion ?? '' };
}

/** Adds what is missing to the book as it is by now. False: nothing was to be done. */
async function enter(client: Client, counted: ResourceQuota, missing: Amounts): Promise<boolean> {
  for (let conflicts = 0; ; conflicts++) {
    const now = await readAgain(client, counted);
    if (!now) return false;
    const used = limitedBy(now.quota, readAmounts(now.quota.status?.used));
    addTo(used, missing);
    const status = { hard: counted.spec?.hard ?? {}, used: writeAmounts(used) };
    if (sameAmounts(now.quota.status, status)) return false;
    try {
      await client.update(resourcequotas, { ...now.quota, status }, { subresource: 'status' });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (!isConflict(error) || conflicts === maxConflicts) throw error;
    }
  }
}

/** The book changes with every object; that alone is no reason to count. */
const needsCount = (old: ResourceQuota, quota: ResourceQuota): boolean =>
  !sameJson(old.spec, quota.spec) || !sameJson(quota.status?.hard, quota.spec?.hard);

/** The same amount may be written in two ways. */
const sameAmounts = (a: ResourceQuota['status'], b: { hard: object; used: Record<string, string> }): boolean =>
  sameJson(a?.hard, b.hard) &&
  sameJson(Object.keys(a?.used ?? {}).sort(), Object.keys(b.used).sort()) &&
  Object.keys(difference(readAmounts(a?.used), readAmounts(b.used))).length === 0;

/** What was there at one version, less what the book said at that version. Undefined: the quota is gone. */
async function missingAmounts(
  client: Client,
  quota: ResourceQuota,
  resources: Resource[],
): Promise<Amounts | undefined> {
  const now = await readAgain(client, quota);
  if (!now) return undefined;
  const { namespace = '' } = quota.metadata;
  const { resourceVersion } = now;
  const names = namesOf(quota);
  const sums = limitedBy(quota, {});
  for (const resource of resources) {
    const { items } = await client.list(resource, { namespace, resourceVersion, resourceVersionMatch: 'Exact' });
    const kind = groupResource(resource);
    for (const object of items) {
      if (isInScope(quota, kind, object)) addTo(sums, only(usageOf(kind, object), names));
    }
  }
  return difference(sums, limitedBy(quota, readAmounts(now.quota.status?.used)));
}

const namesOf = ({ spec }: ResourceQuota): Set<string> => new Set(Object.keys(spec?.hard ?? {}));

/** Amounts of what the quota limits, each of it. */
function limitedBy(quota: ResourceQuota, amounts: Amounts): Amounts {
  const hard = readAmounts(quota.spec?.hard);
  const zeros = Object.entries(hard).map(([name, { format }]) => [name, { nanos: 0n, format }]);
  return { ...Object.fromEntries(zeros), ...only(amounts, namesOf(quota)) };
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
