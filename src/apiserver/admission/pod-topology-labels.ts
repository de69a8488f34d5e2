import { nodes } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { definePlugin } from './plugin.ts';

const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** A pod that gets its node carries the labels of the place where that is (KEP-4742): programs in it can read them. */
export const podTopologyLabels = definePlugin<Pod>({
  name: 'PodTopologyLabels',
  verbs: ['create', 'update'],
  resources: ['pods', 'pods/binding'],
  admit({ verb, subresource, object, read }) {
    if (!object || (verb === 'update' && subresource !== 'binding')) return;
    const node = object.spec.nodeName ? read.get(nodes, '', object.spec.nodeName) : undefined;
    const labels = Object.entries(node?.metadata.labels ?? {}).filter(([key]) => copied.includes(key));
    if (labels.length === 0) return;
    object.metadata.labels = { ...object.metadata.labels, ...Object.fromEntries(labels) };
  },
});
