import { pods } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { isPodTerminal } from '../pod-state.ts';
import { defineController, done, watch } from '../runtime.ts';
import { forceDelete } from './force-delete.ts';

/** As many pods that have ended are kept for people to look at. */
const kept = 12_500;

/** Removes the oldest pods that have ended when there are too many; evicted ones first. */
export const podTerminatedGarbage = defineController({
  name: 'pod.terminated-garbage',
  serviceAccount: 'pod-garbage-collector',
  workers: 1,
  setup(context) {
    const allPods = context.informer(pods);
    allPods.addIndex('terminal', (pod) => (isPodTerminal(pod) ? ['yes'] : []));
    return {
      watches: [watch(allPods, (pod) => (isPodTerminal(pod) && allPods.size > kept ? ['terminated'] : []))],
      async reconcile(_key, client) {
        for (const pod of surplus(allPods.index('terminal', 'yes'), kept)) {
          await forceDelete(client, pod, { nowMs: context.clock.now() });
        }
        return done;
      },
    };
  },
});

export function surplus(terminal: Pod[], limit: number): Pod[] {
  const isEvicted = (pod: Pod) => pod.status?.reason === 'Evicted';
  const ranked = terminal.toSorted(
    (a, b) =>
      Number(isEvicted(b)) - Number(isEvicted(a)) ||
      (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
      a.metadata.name.localeCompare(b.metadata.name),
  );
  return ranked.slice(0, Math.max(0, ranked.length - limit));
}
