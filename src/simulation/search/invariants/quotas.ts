import type { Pod, ResourceQuota } from '../../../api/generated/types.ts';
import { podRequests } from '../../../placement/pod-requests.ts';
import { amountsOf } from '../../../placement/resource-amounts.ts';
import { type Invariant, isEnded } from '../invariant.ts';

export const quotas: Invariant = {
  name: 'no pod is let in beyond a quota',
  follow() {
    const known = new Map<string, ResourceQuota>();
    const pods = new Map<string, Pod>();
    return ({ resource, before, now }) => {
      const uid = (now ?? before)?.metadata.uid as string;
      if (resource === 'resourcequotas') {
        if (now) known.set(uid, now as ResourceQuota);
        else known.delete(uid);
      }
      if (resource !== 'pods') return [];
      const pod = now as Pod | undefined;
      if (pod && !isEnded(pod)) pods.set(uid, pod);
      else pods.delete(uid);
      return before || !pod ? [] : [...known.values()].flatMap((quota) => beyond(quota, pod, [...pods.values()]));
    };
  },
};

/** What a quota that is in force has against the pod that came last. */
function beyond({ metadata, status }: ResourceQuota, pod: Pod, all: readonly Pod[]): string[] {
  const mine = all.filter((each) => each.metadata.namespace === metadata.namespace);
  const cpu = (each: Pod) => podRequests(each.spec)['cpu'] ?? 0;
  const used: Record<string, number> = {
    pods: mine.length,
    'requests.cpu': mine.reduce((sum, each) => sum + cpu(each), 0),
  };
  const limits: Record<string, number> = {
    pods: Number(status?.hard?.['pods'] ?? Number.POSITIVE_INFINITY),
    'requests.cpu': amountsOf({ cpu: status?.hard?.['requests.cpu'] ?? '1000000' })['cpu'] ?? 0,
  };
  const isAsked = (name: string) => name === 'pods' || cpu(pod) > 0;
  return Object.keys(used)
    .filter((name) => isAsked(name) && (used[name] ?? 0) > (limits[name] ?? 0))
    .map((name) => `${pod.metadata.name}: ${used[name]} of ${limits[name]} ${name}`);
}
