import { customresourcedefinitions, namespaces, pods } from '../../api/generated/resources.ts';
import type { CustomResourceDefinition, Namespace, NamespaceCondition } from '../../api/generated/types.ts';
import type { Kind } from '../../api/kind.ts';
import { isConflict, isNotFound, StatusError } from '../../api/meta/status-error.ts';
import { groupResource, type KubeObject, keyOf, type Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { customResourceOf } from '../custom-resource.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { timeText } from '../time-text.ts';

/** What is left of a namespace after one pass. */
interface Remains {
  /** Objects by `resource.group`, and by finalizer. */
  objects: Map<string, number>;
  finalizers: Map<string, number>;
  errors: string[];
}

const recheckMs = 5_000;
const atOnce = 20;

/** Empties a namespace that is being deleted, then gives up the finalizer that held it. */
export const namespaceDeletion = defineController({
  name: 'namespace.deletion',
  serviceAccount: 'namespace-controller',
  eventSource: 'namespace-controller',
  workers: 10,
  setup(context) {
    const all = context.informer(namespaces);
    const definitions = context.informer(customresourcedefinitions);
    return {
      watches: [watch(all, (ns) => (ns.metadata.deletionTimestamp ? [ns.metadata.name] : []))],
      async reconcile(key, client) {
        const cached = all.get(key);
        if (!cached?.metadata.deletionTimestamp) return done;
        const namespace = await ignoringNotFound(client.get(namespaces, { name: key }));
        if (!namespace || namespace.metadata.uid !== cached.metadata.uid) return done;
        if (!namespace.spec?.finalizers?.includes('kubernetes')) return done;
        const remains = await empty(client, key, contentResources(context.kinds, definitions.list()));
        const told = await writeConditions(client, namespace, { remains, nowMs: context.clock.now() });
        if (remains.objects.size > 0 || remains.errors.length > 0) return requeueAfter(recheckMs);
        const finalizers = told.spec?.finalizers?.filter((f) => f !== 'kubernetes') ?? [];
        const spec = { ...told.spec, finalizers };
        await ignoringNotFound(client.update(namespaces, { ...told, spec }, { subresource: 'finalize' }));
        return done;
      },
    };
  },
});

/** Every resource with a place in a namespace; pods first. */
function contentResources(kinds: readonly Kind[], definitions: readonly CustomResourceDefinition[]): Resource[] {
  const wanted = kinds.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('delete') && verbs.includes('list'),
  );
  const custom = definitions.flatMap((definition) => customResourceOf(definition) ?? []).filter((r) => r.namespaced);
  return [...wanted.filter(isPods), ...custom, ...wanted.filter((k) => !isPods(k))];
}

const isPods = (r: { group: string; resource: string }) => groupResource(r) === groupResource(pods);

/** While pods are left everything else stays: what they read, and the policies that guard them, outlive them (KEP-5080). */
async function empty(client: Client, namespace: string, content: Resource[]): Promise<Remains> {
  const remains: Remains = { objects: new Map(), finalizers: new Map(), errors: [] };
  for (const resource of content) {
    try {
      await deleteAll(client, namespace, resource);
      for (const object of await listAll(client, namespace, resource)) note(remains, resource, object);
    } catch (error) {
      // A resource that this server does not store has nothing in the namespace.
      if (isNotFound(error) || (error instanceof StatusError && error.reason === 'MethodNotAllowed')) continue;
      remains.errors.push((error as Error).message);
    }
    if (isPods(resource) && (remains.objects.size > 0 || remains.errors.length > 0)) break;
  }
  return remains;
}

async function deleteAll(client: Client, namespace: string, resource: Resource): Promise<void> {
  const items = (await listAll(client, namespace, resource)).filter((o) => !o.metadata.deletionTimestamp);
  for (let i = 0; i < items.length; i += atOnce) {
    await Promise.all(
      items.slice(i, i + atOnce).map((o) =>
        ignoringGone(
          client.delete(resource, keyOf(o), {
            preconditions: { uid: o.metadata.uid },
            propagationPolicy: 'Background',
          }),
        ),
      ),
    );
  }
}

const listAll = async (client: Client, namespace: string, resource: Resource): Promise<KubeObject[]> =>
  (await client.list(resource, { namespace })).items;

function note(remains: Remains, resource: Resource, object: KubeObject): void {
  const name = groupResource(resource);
  remains.objects.set(name, (remains.objects.get(name) ?? 0) + 1);
  for (const f of object.metadata.finalizers ?? []) remains.finalizers.set(f, (remains.finalizers.get(f) ?? 0) + 1);
}

async function writeConditions(
  client: Client,
  namespace: Namespace,
  { remains, nowMs }: { remains: Remains; nowMs: number },
): Promise<Namespace> {
  const old = namespace.status?.conditions ?? [];
  const conditions = conditionsOf(remains).map((c) => {
    const known = old.find((o) => o.type === c.type);
    const lastTransitionTime = known?.status === c.status ? known.lastTransitionTime : timeText(nowMs);
    return { ...c, lastTransitionTime };
  });
  const status = { ...namespace.status, phase: 'Terminating' as const, conditions };
  if (sameJson(status, namespace.status)) return namespace;
  return client.update(namespaces, { ...namespace, status }, { subresource: 'status' });
}

/** In the words and the order of Kubernetes. */
function conditionsOf({ objects, finalizers, errors }: Remains): NamespaceCondition[] {
  const counted = (map: Map<string, number>, said: (name: string, n: number) => string) =>
    [...map]
      .map(([name, n]) => said(name, n))
      .sort()
      .join(', ');
  const resources = counted(
    objects,
    (name, n) => `${name.includes('.') ? name : `${name}.`} has ${n} resource instances`,
  );
  const held = counted(finalizers, (name, n) => `${name} in ${n} resource instances`);
  const one = (type: string, isBad: boolean, text: { good: [string, string]; bad: [string, string] }) => {
    const [reason, message] = isBad ? text.bad : text.good;
    return { type, status: isBad ? 'True' : 'False', reason, message };
  };
  return [
    one('NamespaceDeletionDiscoveryFailure', false, {
      good: ['ResourcesDiscovered', 'All resources successfully discovered'],
      bad: ['DiscoveryFailed', ''],
    }),
    one('NamespaceDeletionGroupVersionParsingFailure', false, {
      good: ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
      bad: ['GroupVersionParsingFailed', ''],
    }),
    one('NamespaceDeletionContentFailure', errors.length > 0, {
      good: ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
      bad: [
        'ContentDeletionFailed',
        `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`,
      ],
    }),
    one('NamespaceContentRemaining', objects.size > 0, {
      good: ['ContentRemoved', 'All content successfully removed'],
      bad: ['SomeResourcesRemain', `Some resources are remaining: ${resources}`],
    }),
    one('NamespaceFinalizersRemaining', finalizers.size > 0, {
      good: ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
      bad: ['SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${held}`],
    }),
  ];
}

async function ignoringGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function ignoringNotFound<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
