import { pods } from '../../api/generated/resources.ts';
import type { Pod, PodCondition } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { isPodTerminal, podCondition } from '../pod-state.ts';
import { defineController, done, requeueAfter, watch } from '../runtime.ts';
import { timeText } from '../time-text.ts';

const staleMs = 120_000;

/** A pod that was to be disrupted and is still there after 2 minutes is not any more (KEP-3329). */
export const disruptionStaleTarget = defineController({
  name: 'disruption.stale-target',
  serviceAccount: 'disruption-controller',
  eventSource: 'controllermanager',
  setup(context) {
    const allPods = context.informer(pods);
    return {
      watches: [watch(allPods, (pod) => (targetOf(pod) ? [keyText(keyOf(pod))] : []))],
      async reconcile(key, client) {
        const pod = allPods.get(key);
        const target = pod && targetOf(pod);
        if (!pod || !target) return done;
        const nowMs = context.clock.now();
        const leftMs = Date.parse(target.lastTransitionTime ?? '') + staleMs - nowMs;
        if (leftMs > 0) return requeueAfter(leftMs);
        const { uid, resourceVersion } = pod.metadata;
        const condition = { ...target, status: 'False', lastTransitionTime: timeText(nowMs) };
        const body = { metadata: { uid, resourceVersion }, status: { conditions: [condition] } };
        try {
          await client.patch(pods, keyOf(pod), { type: 'strategic', body }, { subresource: 'status' });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});

function targetOf(pod: Pod): PodCondition | undefined {
  if (pod.metadata.deletionTimestamp || isPodTerminal(pod)) return undefined;
  const target = podCondition(pod, 'DisruptionTarget');
  return target?.status === 'True' ? target : undefined;
}
