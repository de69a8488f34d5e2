import { volumeRestrictions } from '../../placement/filters/volume-restrictions.ts';
import { always, forAll, hadVolumes } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const volumeRestrictionsPlugin: SchedulerPlugin = {
  name: 'VolumeRestrictions',
  filter: volumeRestrictions,
  hints: { 'pod.deleted': hadVolumes, ...forAll(always, 'node.added', 'volume.changed') },
};
