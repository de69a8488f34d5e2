import type { Cgroups } from '../cgroup/cgroups.ts';
import type { PodPaths } from '../pod-paths.ts';
import { cgroupHook } from './cgroup.ts';
import type { DeviceManager } from '../devices/device-manager.ts';
import { dataDirectoryHook } from './data-directory.ts';
import { devicesHook } from './devices.ts';
import type { PodHook } from './hook.ts';
import { hostsFileHook } from './hosts-file.ts';
import { logDirectoryHook } from './log-directory.ts';
import { terminationLogHook } from './termination-log.ts';
import type { VolumesHook } from './volumes.ts';

export interface HookDeps {
  cgroups: Cgroups;
  cgroupRoot: string;
  /** Processes that one pod may have. */
  maxPids?: number | undefined;
  paths: PodPaths;
  clusterDomain: string;
  volumes: VolumesHook;
  devices: DeviceManager;
  claimedDevices: PodHook;
}

/** Every concern of a pod on this machine, in the order of preparation; taken down in reverse. */
export const podHooks = (deps: HookDeps): PodHook[] => [
  // The folder that the next ones write into; its removal is the last step.
  dataDirectoryHook(deps),
  logDirectoryHook(deps),
  cgroupHook(deps),
  deps.volumes,
  devicesHook(deps),
  deps.claimedDevices,
  hostsFileHook(deps),
  terminationLogHook(deps),
];
