import { nodes, pods } from '../../api/generated/resources.ts';
import type { Node } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import type { Client } from '../../client/client.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';
import { forceDelete } from './force-delete.ts';

/** How long a node has to be missing: it may only be registering again. */
const quarantineMs = 40_000;

const outOfService = 'node.kubernetes.io/out-of-service';

/** Ends the pods of nodes that are no more or were declared dead: nobody else can say that they have ended. Keys are node names. */
export const podGarbage = defineController({
  name: 'pod.garbage',
  serviceAccount: 'pod-garbage-collector',
  workers: 1,
  setup(context) {
    const { clock } = context;
    const allNodes = context.informer(nodes);
    const allPods = context.informer(pods);
    allPods.addIndex('node', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    const missingSince = new Map<string, number>();
    const isSuspect = (name: string): boolean => {
      const node = allNodes.get(name);
      return !node || isDead(node);
    };
    return {
      watches: [
        watch(
          allNodes,
          (node) => [node.metadata.name],
          (old, node) => isDead(node) && !isDead(old),
        ),
        watch(allPods, ({ spec }) => (spec?.nodeName && isSuspect(spec.nodeName) ? [spec.nodeName] : [])),
      ],
      async reconcile(key, client) {
        const there = allPods.index('node', key);
        const node = allNodes.get(key);
        const nowMs = clock.now();
        if (node || there.length === 0) {
          missingSince.delete(key);
          // Only what is being deleted: the others are moved away by their taints.
          const stuck = node && isDead(node) ? there.filter((pod) => pod.metadata.deletionTimestamp) : [];
          for (const pod of stuck) await forceDelete(client, pod, { nowMs });
          return done;
        }
        const since = missingSince.get(key) ?? nowMs;
        missingSince.set(key, since);
        const leftMs = since + quarantineMs - nowMs;
        if (leftMs > 0) return requeueAfter(leftMs);
        if (await exists(client, key)) return done;
        for (const pod of there) await forceDelete(client, pod, { nowMs, disruption: 'PodGC: node no longer exists' });
        return done;
      },
    };
  },
});

/** Somebody who knows has said so (KEP-2268), and it does not say otherwise itself. */
function isDead({ spec, status }: Node): boolean {
  const isReady = status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
  return !isReady && spec?.taints?.some((taint) => taint.key === outOfService) === true;
}

async function exists(client: Client, name: string): Promise<boolean> {
  try {
    await client.get(nodes, { name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
