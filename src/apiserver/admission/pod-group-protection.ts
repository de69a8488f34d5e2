import { podgroups } from '../../api/generated/resources.ts';
import type { Pod, PodGroup } from '../../api/generated/types.ts';
import { definePlugin, refused } from './plugin.ts';

const finalizer = 'scheduling.k8s.io/podgroup-protection';

/** Groups are guarded from their first moment, and take no pods in when they are going (KEP-4671). */
export const podGroupProtection = definePlugin<Pod | PodGroup>({
  name: 'PodGroupProtection',
  verbs: ['create'],
  resources: ['podgroups.scheduling.k8s.io', 'pods'],
  admit({ object, resource }) {
    if (resource !== 'podgroups' || !object || object.metadata.finalizers?.includes(finalizer)) return;
    object.metadata.finalizers = [...(object.metadata.finalizers ?? []), finalizer];
  },
  validate(context) {
    if (context.resource !== 'pods') return;
    const name = (context.object as Pod).spec.schedulingGroup?.podGroupName;
    const group = name && context.read.get(podgroups, context.namespace, name);
    if (!group || !group.metadata.deletionTimestamp) return;
    throw refused(
      context,
      `cannot create Pod referencing PodGroup ${JSON.stringify(name)} because it is being deleted`,
    );
  },
});
