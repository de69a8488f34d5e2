import type { SchedulerPlugin } from './plugin.ts';
import { defaultBinder } from './plugins/default-binder.ts';
import { defaultPreemption } from './plugins/default-preemption.ts';
import { dynamicResources } from './plugins/dynamic-resources.ts';
import { imageLocalityPlugin } from './plugins/image-locality.ts';
import { interPodAffinityPlugin } from './plugins/inter-pod-affinity.ts';
import { nodeAffinityPlugin } from './plugins/node-affinity.ts';
import { nodeNamePlugin } from './plugins/node-name.ts';
import { nodePortsPlugin } from './plugins/node-ports.ts';
import { nodeResourcesBalancedAllocation } from './plugins/node-resources-balanced-allocation.ts';
import { nodeResourcesFit } from './plugins/node-resources-fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable.ts';
import { nodeVolumeLimits } from './plugins/node-volume-limits.ts';
import { podTopologySpread } from './plugins/pod-topology-spread.ts';
import { prioritySort } from './plugins/priority-sort.ts';
import { schedulingGates } from './plugins/scheduling-gates.ts';
import { taintToleration } from './plugins/taint-toleration.ts';
import { volumeBindingPlugin } from './plugins/volume-binding.ts';
import { volumeRestrictionsPlugin } from './plugins/volume-restrictions.ts';
import { volumeZonePlugin } from './plugins/volume-zone.ts';
import { profileOf } from './profile.ts';

/**
 * The plugins of the default profile, at every point where they take part: Kubernetes' order and weights. A node that fails
 * several filters is counted under the first.
 */
export const defaultPlugins: readonly SchedulerPlugin[] = [
  schedulingGates,
  prioritySort,
  nodeUnschedulable,
  nodeNamePlugin,
  taintToleration,
  nodeAffinityPlugin,
  nodePortsPlugin,
  nodeResourcesFit,
  volumeRestrictionsPlugin,
  nodeVolumeLimits,
  volumeBindingPlugin,
  volumeZonePlugin,
  podTopologySpread,
  interPodAffinityPlugin,
  dynamicResources,
  defaultPreemption,
  nodeResourcesBalancedAllocation,
  imageLocalityPlugin,
  defaultBinder,
];

export const defaultProfile = profileOf(defaultPlugins);
