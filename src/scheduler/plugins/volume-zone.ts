import { volumeZone } from '../../placement/filters/volume-zone.ts';
import { always, forAll } from '../hints.ts';
import type { SchedulerPlugin } from '../plugin.ts';

export const volumeZonePlugin: SchedulerPlugin = {
  name: 'VolumeZone',
  filter: volumeZone,
  hints: forAll(always, 'volume.changed', 'node.added', 'node.labels'),
};
