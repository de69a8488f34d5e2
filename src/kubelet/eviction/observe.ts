import type { Cri } from '../../cri/cri.ts';
import type { CgroupUsage } from '../cgroup/usage.ts';
import { fileSystemOf } from '../usage/disk-usage.ts';
import type { MachineUsage } from '../usage/machine-usage.ts';
import type { PodStorage } from '../usage/storage-reader.ts';
import type { PodUsage } from '../usage/usage-reader.ts';
import type { PodUse } from './rank.ts';
import type { Levels } from './thresholds.ts';

/** Where the runtime keeps images; the node's own file system while it does not say. */
export async function imageFolder({ images }: Pick<Cri, 'images'>, dataDir: string): Promise<string> {
  const { imageFilesystems = [] } = await images.ImageFsInfo({}).catch(() => ({ imageFilesystems: [] }));
  return imageFilesystems[0]?.fsId?.mountpoint ?? dataDir;
}

/** How much of everything there is. A file system that does not count inodes has no such level. */
export async function levelsOf(machine: MachineUsage, folders: { node: string; images: string }): Promise<Levels> {
  const [node, images] = await Promise.all([
    fileSystemOf(folders.node),
    fileSystemOf(folders.images).catch(() => undefined),
  ]);
  const { memoryAvailableBytes, memoryCapacityBytes, pids } = machine;
  const disk = images ?? node;
  return {
    'memory.available': { available: memoryAvailableBytes, capacity: memoryCapacityBytes },
    'nodefs.available': { available: node.availableBytes, capacity: node.capacityBytes },
    'imagefs.available': { available: disk.availableBytes, capacity: disk.capacityBytes },
    ...(node.inodes > 0 ? { 'nodefs.inodesFree': { available: node.inodesFree, capacity: node.inodes } } : {}),
    ...(disk.inodes > 0 ? { 'imagefs.inodesFree': { available: disk.inodesFree, capacity: disk.inodes } } : {}),
    'pid.available': { available: pids.max - pids.used, capacity: pids.max },
  };
}

/** What one pod uses, from its counters and, where it was measured, its storage. */
export function podUseOf({ pod, usage, containers }: PodUsage, storage?: PodStorage): PodUse {
  const memory = (of: CgroupUsage) => of.workingSetBytes;
  const disk = (name: string) => (storage?.writable.get(name)?.bytes ?? 0) + (storage?.logs.get(name)?.bytes ?? 0);
  return {
    pod,
    memoryBytes: memory(usage),
    pids: usage.pids,
    diskBytes: storage?.ephemeral.bytes ?? 0,
    inodes: storage?.ephemeral.inodes ?? 0,
    containers: new Map(
      containers.map((one) => [one.name, { memoryBytes: memory(one.usage), diskBytes: disk(one.name) }]),
    ),
  };
}
