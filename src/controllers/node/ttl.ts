import { nodes } from '../../api/generated/resources.ts';
import type { Node } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { defineController, done, watch } from '../runtime.ts';

const annotation = 'node.alpha.kubernetes.io/ttl';

/** How long a kubelet may keep Secrets and ConfigMaps before it looks again, by the size of the cluster. */
const steps: readonly { seconds: number; from: number; to: number }[] = [
  { seconds: 0, from: 0, to: 100 },
  { seconds: 15, from: 90, to: 500 },
  { seconds: 30, from: 450, to: 1000 },
  { seconds: 60, from: 900, to: 2000 },
  { seconds: 300, from: 1800, to: Number.POSITIVE_INFINITY },
];

/** Steps overlap, so that a cluster on the edge does not change all its nodes with every one that comes or goes. */
export function ttlFor(nodeCount: number, present: number | undefined): number {
  const current = steps.find((s) => s.seconds === present);
  if (current && nodeCount >= current.from && nodeCount <= current.to) return current.seconds;
  return (steps.find((s) => nodeCount <= s.to) as (typeof steps)[number]).seconds;
}

const changesTtl = (old: Node, node: Node): boolean =>
  old.metadata.annotations?.[annotation] !== node.metadata.annotations?.[annotation];

export const nodeTtl = defineController({
  name: 'node.ttl',
  serviceAccount: 'ttl-controller',
  setup(context) {
    const all = context.informer(nodes);
    let present: number | undefined;
    /** All of them, when the number of nodes changes the answer; else the one. */
    const keysOf = (name: string): string[] => {
      const seconds = ttlFor(all.size, present);
      if (seconds === present) return [name];
      present = seconds;
      return all.list().map((node) => node.metadata.name);
    };
    return {
      watches: [watch(all, (node) => keysOf(node.metadata.name), changesTtl)],
      async reconcile(key, client) {
        const node = all.get(key);
        const seconds = String(present ?? ttlFor(all.size, undefined));
        if (!node || node.metadata.annotations?.[annotation] === seconds) return done;
        const body = { metadata: { annotations: { [annotation]: seconds } } };
        try {
          await client.patch(nodes, { name: key }, { type: 'merge', body });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});
