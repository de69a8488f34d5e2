import { nodes, pods } from '../../api/generated/resources.ts';
import type { Node, Pod, Taint, Toleration } from '../../api/generated/types.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { type DisruptionReason, evictWhenDue } from '../pod-eviction.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';

const why: DisruptionReason = {
  reason: 'DeletionByTaintManager',
  message: 'Taint manager: deleting due to NoExecute taint',
};

/** Deletes pods from nodes with NoExecute taints that they do not tolerate, or no longer. */
export const nodeTaintEviction = defineController({
  name: 'node.taint-eviction',
  serviceAccount: 'node-controller',
  eventSource: 'taint-eviction-controller',
  setup(context) {
    const { clock } = context;
    const all = context.informer(nodes);
    const allPods = context.informer(pods);
    allPods.addIndex('node', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    /** When pods were first seen to have to go some time: not every taint says since when it is there. */
    const markedMs = new Map<string, number>();
    const keysOfNode = (node: Node) => allPods.index('node', node.metadata.name).map((pod) => keyText(keyOf(pod)));
    return {
      watches: [
        watch(all, keysOfNode, (old, node) => !sameJson(old.spec?.taints, node.spec?.taints)),
        watch(allPods, (pod) => (pod.spec?.nodeName ? [keyText(keyOf(pod))] : []), isMovedOrChanged),
      ],
      async reconcile(key, client) {
        const pod = allPods.get(key);
        const node = pod && all.get(pod.spec?.nodeName ?? '');
        const sinceMs = markedMs.get(key) ?? clock.now();
        const dueMs = node && evictionTime(pod, node.spec?.taints ?? [], sinceMs);
        if (dueMs === undefined) markedMs.delete(key);
        else markedMs.set(key, sinceMs);
        if (!pod || pod.metadata.deletionTimestamp) return done;
        const event = { reason: 'TaintManagerEviction', message: `Marking for deletion Pod ${key}` };
        return evictWhenDue(context, client, pod, { dueMs, why, event });
      },
    };
  },
});

const isMovedOrChanged = (old: Pod, pod: Pod): boolean =>
  old.spec?.nodeName !== pod.spec?.nodeName || !sameJson(old.spec?.tolerations, pod.spec?.tolerations);

/**
 * When the pod has to go; undefined when it may stay. A toleration without seconds is for ever, one with seconds counts
 * from when the taint was added, or from `sinceMs` where the taint does not say: kubectl's do not.
 */
export function evictionTime(pod: Pod, taints: Taint[], sinceMs: number): number | undefined {
  const times = taints
    .filter((taint) => taint.effect === 'NoExecute')
    .map((taint) => {
      const tolerations = (pod.spec?.tolerations ?? []).filter((t) => tolerates(t, taint));
      if (tolerations.length === 0) return sinceMs;
      const seconds = Math.min(...tolerations.map((t) => t.tolerationSeconds ?? Number.POSITIVE_INFINITY));
      const since = taint.timeAdded ? Date.parse(taint.timeAdded) : sinceMs;
      return since + Math.max(0, seconds) * 1000;
    });
  const first = Math.min(...times);
  return Number.isFinite(first) ? first : undefined;
}

function tolerates(t: Toleration, taint: Taint): boolean {
  if (t.effect && t.effect !== taint.effect) return false;
  if (t.key && t.key !== taint.key) return false;
  if (t.operator === 'Exists') return true;
  return !!t.key && (t.value ?? '') === (taint.value ?? '');
}
