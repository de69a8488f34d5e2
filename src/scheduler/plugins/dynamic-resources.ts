import { rejection } from '../../placement/filters/node-filter.ts';
import type { SchedulerPlugin } from '../plugin.ts';

const name = 'DynamicResources';

/** Devices cannot be allocated here yet: pods that claim some wait, and say so. */
export const dynamicResources: SchedulerPlugin = {
  name,
  filter: {
    prepare: ({ pod }) => (pod.spec.resourceClaims?.length ? rejection('cannot allocate all claims') : undefined),
  },
  postFilter: () => ({ message: 'no new claims to deallocate' }),
};
