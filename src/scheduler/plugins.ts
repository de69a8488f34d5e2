import type { SchedulerPlugin } from './plugin.ts';
import { interPodAffinityPlugin } from './plugins/inter-pod-affinity.ts';
import { podTopologySpread } from './plugins/pod-topology-spread.ts';
import { imageLocalityPlugin } from './plugins/image-locality.ts';
import { nodeAffinityPlugin } from './plugins/node-affinity.ts';
import { nodeNamePlugin } from './plugins/node-name.ts';
import { nodePortsPlugin } from './plugins/node-ports.ts';
import { nodeResourcesBalancedAllocation } from './plugins/node-resources-balanced-allocation.ts';
import { nodeResourcesFit } from './plugins/node-resources-fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable.ts';
import { taintToleration } from './plugins/taint-toleration.ts';

/** The plugins of the default profile. A node that fails several filters is counted under the first: Kubernetes' order. */
export const defaultPlugins: readonly SchedulerPlugin[] = [
  nodeUnschedulable,
  nodeNamePlugin,
  taintToleration,
  nodeAffinityPlugin,
  nodePortsPlugin,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinityPlugin,
  nodeResourcesBalancedAllocation,
  imageLocalityPlugin,
];
