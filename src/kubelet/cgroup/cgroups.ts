import { mountPoints } from '../../cri/mounts.ts';
import type { CgroupLimits } from '../config/resources.ts';
import type { CgroupUsage } from './usage.ts';
import { CgroupsV1 } from './v1.ts';
import { CgroupsV2 } from './v2.ts';

/** Control groups by path (`/knarr-x/node-1/kubepods/…`), whatever the kernel's version of them. */
export interface Cgroups {
  readonly version: 1 | 2;
  /** Makes the group and its parents and sets the limits. May run again; absent limits stay as they are. */
  apply(path: string, limits: CgroupLimits): Promise<void>;
  /** Removes the group with all below it. A group that is not there is fine; rejects while a process is in it. */
  remove(path: string): Promise<void>;
  /** Names of the groups directly below; empty when the path is not there. */
  children(path: string): Promise<string[]>;
  /** What the group and those below it use; undefined when it is not there. */
  usage(path: string): Promise<CgroupUsage | undefined>;
  /** The ids of the processes in the group itself; none when it is not there. */
  processes(path: string): Promise<number[]>;
}

/** The hierarchy of this machine: version 2 when the unified one has the memory controller, else version 1. */
export async function detectCgroups(): Promise<Cgroups> {
  const mounts = await mountPoints();
  const v1 = mounts.filter(({ fsType }) => fsType === 'cgroup').map(({ path }) => path);
  const unified = mounts.find(({ fsType }) => fsType === 'cgroup2')?.path;
  if (v1.length > 0) return new CgroupsV1(unified ? [...v1, unified] : v1);
  if (unified) return new CgroupsV2(unified);
  throw new Error('no cgroup file system is mounted');
}
