import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { SimulatedGpus } from '../kubelet/devices/simulated-gpus.ts';
import { PodPaths } from '../kubelet/pod-paths.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';

export interface GpuOffer {
  /** Nodes of this machine, which run. */
  nodes: readonly string[];
  /** On each of them. */
  count: number;
  resource: string;
}

/** NUMA nodes of a machine with two of them: the first half of the GPUs is near to one, the second to the other. */
const nearTo = (index: number, count: number): number => (index < count / 2 ? 0 : 1);

/** Offers GPUs that are not there on nodes of this machine, until it is stopped. */
export async function offerSimulatedGpus(
  deps: { clock: Clock },
  layout: ClusterLayout,
  { nodes, count, resource }: GpuOffer,
): Promise<{ stop(): void }> {
  const gpus = Object.fromEntries(Array.from({ length: count }, (_, i) => [`gpu${i}`, nearTo(i, count)]));
  const plugins = nodes.map((node) => {
    const folder = new PodPaths(join(nodeDir(layout, node), 'kubelet')).devicePluginsDir;
    return new SimulatedGpus(deps, { folder, resource, gpus });
  });
  const stop = () => {
    for (const plugin of plugins) plugin.stop();
  };
  try {
    for (const plugin of plugins) await plugin.start();
  } catch (error) {
    stop();
    throw error;
  }
  return { stop };
}
