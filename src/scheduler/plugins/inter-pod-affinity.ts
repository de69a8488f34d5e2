import { interPodAffinity } from '../../placement/filters/inter-pod-affinity.ts';
import { interPodPreference } from '../../placement/scores/inter-pod-affinity.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const interPodAffinityPlugin: SchedulerPlugin = {
  name: 'InterPodAffinity',
  filter: interPodAffinity,
  score: interPodPreference,
  weight: 2,
  events: ['pod.added', 'pod.deleted', 'pod.updated', 'node.added', 'node.labels', 'namespace.labels'],
};
