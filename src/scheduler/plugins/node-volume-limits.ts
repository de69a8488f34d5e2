import { volumeLimits } from '../../placement/filters/volume-limits.ts';
import { always, forAll, hadVolumes } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const nodeVolumeLimits: SchedulerPlugin = {
  name: 'NodeVolumeLimits',
  filter: volumeLimits,
  hints: { 'pod.deleted': hadVolumes, ...forAll(always, 'csinode.changed', 'node.added', 'volume.changed') },
};
