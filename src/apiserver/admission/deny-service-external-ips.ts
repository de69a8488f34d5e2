import type { Service } from '../../api/generated/types.ts';
import { definePlugin, refused } from './plugin.ts';

/** Services take no addresses that others may have: those that they have already may stay. */
export const denyServiceExternalIps = definePlugin<Service>({
  name: 'DenyServiceExternalIPs',
  verbs: ['create', 'update'],
  resources: ['services'],
  validate(context) {
    const before = context.old?.spec.externalIPs ?? [];
    const added = (context.object?.spec.externalIPs ?? []).filter((ip) => !before.includes(ip));
    if (added.length > 0) throw refused(context, 'Use of external IPs is denied by admission control');
  },
});
