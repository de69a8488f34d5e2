import type { Pod } from '../../api/generated/types.ts';
import type { Cgroups } from '../cgroup/cgroups.ts';
import { type CgroupLimits, podLimits, qosClassOf } from '../config/resources.ts';
import type { PodHook } from './hook.ts';

const folders = { Guaranteed: '', Burstable: '/burstable', BestEffort: '/besteffort' };

/** The folders below `kubepods` that pod cgroups lie in. */
export const qosFolders: readonly string[] = Object.values(folders);

export const kubepodsOf = (cgroupRoot: string): string => `${cgroupRoot}/kubepods`;

/** Of each limit the larger; where one has none, it stays as it is. */
function larger(a: CgroupLimits, b: CgroupLimits): CgroupLimits {
  const names = ['cpuShares', 'cpuQuotaUs', 'memoryBytes', 'pids'] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const [x, y] = [a[name], b[name]];
      return x === undefined || y === undefined ? [] : [[name, Math.max(x, y)]];
    }),
  );
}

/** `<root>/kubepods/burstable/pod<uid>`: the parent of the pod's containers' cgroups. */
export const podCgroup = (cgroupRoot: string, pod: Pod): string =>
  `${kubepodsOf(cgroupRoot)}${folders[qosClassOf(pod)]}/pod${pod.metadata.uid}`;

interface CgroupHookDeps {
  cgroups: Cgroups;
  cgroupRoot: string;
  /** Processes that one pod may have; undefined: as many as the machine. */
  maxPids?: number | undefined;
}

/** The pod's own cgroup with the limits of the pod as a whole. The runtime leaves it behind, so it is removed here. */
export function cgroupHook({ cgroups, cgroupRoot, maxPids }: CgroupHookDeps): PodHook {
  return {
    name: 'cgroup',
    prepare: (pod) => cgroups.apply(podCgroup(cgroupRoot, pod), podLimits(pod, maxPids)),
    /** No container may ever have more than the pod: first the larger limits, in the end the right ones. */
    async resize(before, after, change) {
      const [old, wanted] = [podLimits(before, maxPids), podLimits(after, maxPids)];
      await cgroups.apply(podCgroup(cgroupRoot, after), larger(old, wanted));
      await change();
      await cgroups.apply(podCgroup(cgroupRoot, after), wanted);
    },
    async teardown(pod) {
      // The class may be unknown for a pod whose object is gone: the uid is enough.
      for (const folder of qosFolders)
        await cgroups.remove(`${kubepodsOf(cgroupRoot)}${folder}/pod${pod.metadata.uid}`);
    },
  };
}
