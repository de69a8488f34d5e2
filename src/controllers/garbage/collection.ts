import type { OwnerReference } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { groupVersion, type KubeObject, keyOf, keyText, parseKey, type Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { defineController, done } from '../runtime.ts';
import { CustomGraph } from './custom-graph.ts';
import { keyOfOwner, OwnerGraph } from './owner-graph.ts';

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

type OwnerState = 'present' | 'absent' | 'waiting';

/**
 * Deletes what has lost its last owner. Foreground: an owner goes after the dependents that block it. Orphan: dependents
 * are cut loose first. Keys are `resource.group namespace/name`.
 */
export const garbageCollection = defineController({
  name: 'garbage.collection',
  serviceAccount: 'generic-garbage-collector',
  eventSource: 'garbage-collector-controller',
  workers: 20,
  setup(context) {
    const graph = new OwnerGraph(context);
    const custom = new CustomGraph(graph, context);

    async function reconcile(key: string, client: Client) {
      const [name = '', where = ''] = key.split(' ');
      if (custom.follows(key)) return done;
      const informer = graph.informers.get(name);
      const object = informer?.get(where);
      if (!informer || !object) return done;
      const { deletionTimestamp, finalizers = [], uid } = object.metadata;
      const item = { client, resource: informer.resource, object };
      if (deletionTimestamp && finalizers.includes(orphan)) {
        for (const d of graph.dependentsOf(uid))
          await dropOwners({ ...item, ...d, resource: d.informer.resource }, [uid]);
        await dropFinalizer(item, orphan);
      } else if (deletionTimestamp && finalizers.includes(foreground)) {
        if (!graph.dependentsOf(uid).some((d) => isBlocking(d.object, uid))) await dropFinalizer(item, foreground);
      } else if (!deletionTimestamp && object.metadata.ownerReferences?.length) {
        await collect(item);
      }
      return done;
    }

    async function collect(item: Item): Promise<void> {
      const { namespace, uid, ownerReferences = [] } = item.object.metadata;
      const states = new Map<OwnerReference, OwnerState>();
      for (const ref of ownerReferences) states.set(ref, await stateOf(item, ref, namespace));
      const gone = ownerReferences.filter((ref) => states.get(ref) !== 'present');
      if (gone.length === 0) return;
      if (gone.length < ownerReferences.length)
        return dropOwners(
          item,
          gone.map((ref) => ref.uid),
        );
      const isAwaited = [...states.values()].includes('waiting');
      const awaited = isAwaited ? graph.dependentsOf(uid) : [];
      const propagationPolicy = policyOf(item.object, awaited.length > 0);
      // A dependent that waits as well closes a circle: it would wait for this one, and this one for it.
      const isCircle = awaited.some((d) => isWaiting(d.object));
      const { resourceVersion } = (isCircle ? await unblockOwners(item) : item.object).metadata;
      const preconditions = { uid, resourceVersion };
      await ignoringGone(item.client.delete(item.resource, keyOf(item.object), { propagationPolicy, preconditions }));
    }

    /** The cache may be behind, so an owner it does not have is asked for before anything is deleted. */
    async function stateOf({ client, object }: Item, ref: OwnerReference, namespace = ''): Promise<OwnerState> {
      const informer = graph.informerOf(ref);
      // A kind this server does not know cannot be judged.
      if (!informer) return 'present';
      const key = keyOfOwner(ref, informer.resource, namespace);
      if (informer.resource.namespaced && !namespace) {
        const message = `ownerRef [${groupVersion(informer.resource)}/${ref.kind}, namespace: , name: ${ref.name}, uid: ${ref.uid}] does not exist in namespace ""`;
        context.recorder.event(object, 'Warning', 'OwnerRefInvalidNamespace', message);
        return 'present';
      }
      const cached = informer.get(key);
      const owner = cached?.metadata.uid === ref.uid ? cached : await live(client, informer.resource, keyText(key));
      if (owner?.metadata.uid !== ref.uid) return 'absent';
      return isWaiting(owner) ? 'waiting' : 'present';
    }

    return {
      watches: [...custom.watches, custom.definitions],
      reconcile,
    };
  },
});

interface Item {
  client: Client;
  resource: Resource;
  object: KubeObject;
}

/** How an object goes; `isAwaited`: an owner waits for it that goes after its dependents. */
function policyOf({ metadata: { finalizers = [] } }: KubeObject, isAwaited: boolean): string {
  if (finalizers.includes(orphan)) return 'Orphan';
  return finalizers.includes(foreground) || isAwaited ? 'Foreground' : 'Background';
}

/** It goes after its dependents. */
const isWaiting = ({ metadata }: KubeObject): boolean =>
  metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(foreground) === true;

/** No owner waits for it any more. Answers with what it is then. */
async function unblockOwners({ client, resource, object }: Item): Promise<KubeObject> {
  const { uid, resourceVersion, ownerReferences = [] } = object.metadata;
  const unblocked = ownerReferences.map((ref) => ({ ...ref, blockOwnerDeletion: false }));
  const body = { metadata: { uid, resourceVersion, ownerReferences: unblocked } };
  return client.patch(resource, keyOf(object), { type: 'merge', body });
}

const isBlocking = (object: KubeObject, uid: string | undefined): boolean =>
  object.metadata.ownerReferences?.some((r) => r.uid === uid && r.blockOwnerDeletion) === true;

async function dropOwners({ client, resource, object }: Item, uids: (string | undefined)[]): Promise<void> {
  const { uid, resourceVersion, ownerReferences = [] } = object.metadata;
  const kept = ownerReferences.filter((r) => !uids.includes(r.uid));
  const body = { metadata: { uid, resourceVersion, ownerReferences: kept.length > 0 ? kept : null } };
  try {
    await client.patch(resource, keyOf(object), { type: 'merge', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function dropFinalizer({ client, resource, object }: Item, finalizer: string): Promise<void> {
  const { uid, resourceVersion, finalizers = [] } = object.metadata;
  const kept = finalizers.filter((f) => f !== finalizer);
  const body = { metadata: { uid, resourceVersion, finalizers: kept.length > 0 ? kept : null } };
  try {
    await client.patch(resource, keyOf(object), { type: 'merge', body });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function live(client: Client, resource: Resource, key: string): Promise<KubeObject | undefined> {
  try {
    return await client.get(resource, parseKey(key));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function ignoringGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
