import type { Node } from '../../api/generated/types.ts';
import { definePlugin } from './plugin.ts';

const key = 'node.kubernetes.io/not-ready';

/** A fresh node takes no pods until the node lifecycle controller has seen it ready. */
export const taintNodesByCondition = definePlugin<Node>({
  name: 'TaintNodesByCondition',
  verbs: ['create'],
  resources: ['nodes'],
  admit({ object }) {
    const node = object as Node;
    node.spec ??= {};
    const taints = node.spec.taints ?? [];
    if (taints.some((taint) => taint.key === key && taint.effect === 'NoSchedule')) return;
    node.spec.taints = [...taints, { key, effect: 'NoSchedule' }];
  },
});
