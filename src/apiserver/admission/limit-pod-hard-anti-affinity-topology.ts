import type { Pod } from '../../api/generated/types.ts';
import { definePlugin, refused } from './plugin.ts';

const hostname = 'kubernetes.io/hostname';

/** A pod may keep others off its node, and not off a whole zone. */
export const limitPodHardAntiAffinityTopology = definePlugin<Pod>({
  name: 'LimitPodHardAntiAffinityTopology',
  verbs: ['create', 'update'],
  resources: ['pods'],
  validate(context) {
    const terms = context.object?.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const far = terms.find(({ topologyKey }) => topologyKey !== hostname);
    if (!far) return;
    throw refused(
      context,
      `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${far.topologyKey} but only key ${hostname} is allowed`,
    );
  },
});
