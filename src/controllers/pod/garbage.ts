import { nodes, pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';

/** How long a node has to be missing: it may only be registering again. */
const quarantineMs = 40_000;

/** Removes the pods of nodes that are no more: nobody else can say that they have ended. Keys are node names. */
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
    return {
      watches: [
        watch(
          allNodes,
          (node) => [node.metadata.name],
          () => false,
        ),
        watch(allPods, ({ spec }) => (spec?.nodeName && !allNodes.get(spec.nodeName) ? [spec.nodeName] : [])),
      ],
      async reconcile(key, client) {
        const orphans = allPods.index('node', key);
        if (allNodes.get(key) || orphans.length === 0) {
          missingSince.delete(key);
          return done;
        }
        const since = missingSince.get(key) ?? clock.now();
        missingSince.set(key, since);
        const leftMs = since + quarantineMs - clock.now();
        if (leftMs > 0) return requeueAfter(leftMs);
        if (await exists(client, key)) return done;
        for (const pod of orphans) {
          await client
            .delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } })
            .catch(ignoreNotFound);
        }
        return done;
      },
    };
  },
});

async function exists(client: Client, name: string): Promise<boolean> {
  try {
    await client.get(nodes, { name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
