import { interPodAffinity } from '../../placement/filters/inter-pod-affinity.ts';
import { type InterPodPreferenceArgs, interPodPreferenceWith } from '../../placement/scores/inter-pod-affinity.ts';
import { affinityHints } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const interPodAffinityPlugin: SchedulerPlugin = make({});

function make(args: InterPodPreferenceArgs): SchedulerPlugin {
  return {
    name: 'InterPodAffinity',
    filter: interPodAffinity,
    score: interPodPreferenceWith(args),
    weight: 2,
    hints: affinityHints,
    configure: (more) => make(more),
  };
}
