import { pods } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { defineController, done, watch } from '../runtime.ts';
import { forceDelete } from './force-delete.ts';

/** Ends deleted pods that never got a node: no kubelet will. A finalizer alone may still hold them. */
export const podUnscheduledGarbage = defineController({
  name: 'pod.unscheduled-garbage',
  serviceAccount: 'pod-garbage-collector',
  setup(context) {
    const allPods = context.informer(pods);
    return {
      watches: [watch(allPods, (pod) => (isLost(pod) ? [keyText(keyOf(pod))] : []))],
      async reconcile(key, client) {
        const pod = allPods.get(key);
        if (pod && isLost(pod)) await forceDelete(client, pod, { nowMs: context.clock.now() });
        return done;
      },
    };
  },
});

const isLost = ({ metadata, spec, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined && !spec.nodeName && status?.phase === 'Pending';
