import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/types.ts';
import type { Cri } from '../../cri/cri.ts';
import type { PodPaths } from '../pod-paths.ts';
import type { PodState } from '../worker/state.ts';
import { type DiskUsage, type FileSystemSize, fileSystemOf, treeUsage } from './disk-usage.ts';

export interface VolumeUsage extends DiskUsage {
  name: string;
  fileSystem: FileSystemSize;
}

/** What a pod has on the node's disks and in its memory file systems. */
export interface PodStorage {
  /** By container name. */
  logs: Map<string, DiskUsage>;
  writable: Map<string, DiskUsage>;
  volumes: VolumeUsage[];
  /** Everything that counts as the pod's ephemeral storage: writable layers, logs, volumes on the node's disk. */
  ephemeral: DiskUsage;
}

export interface StorageReaderDeps {
  cri: Pick<Cri, 'runtime'>;
  paths: PodPaths;
}

/** By container id; empty while the runtime does not answer. It measures by itself, every few seconds. */
export async function writableLayers({ runtime }: Pick<Cri, 'runtime'>): Promise<Map<string, DiskUsage>> {
  const { stats = [] } = await runtime.ListContainerStats({}).catch(() => ({ stats: [] }));
  return new Map(
    stats.map(({ attributes, writableLayer }) => [
      attributes?.id ?? '',
      { bytes: writableLayer?.usedBytes?.value ?? 0, inodes: writableLayer?.inodesUsed?.value ?? 0 },
    ]),
  );
}

/** Measures files: takes as long as there are many. */
export async function podStorage(
  { paths }: Pick<StorageReaderDeps, 'paths'>,
  { pod, containers }: PodState,
  layers: ReadonlyMap<string, DiskUsage>,
): Promise<PodStorage> {
  const logs = new Map<string, DiskUsage>();
  const writable = new Map<string, DiskUsage>();
  for (const { name, current } of Object.values(containers)) {
    logs.set(name, await treeUsage(join(paths.logDir(pod), name)));
    writable.set(name, layers.get(current?.id ?? '') ?? { bytes: 0, inodes: 0 });
  }
  const onDisk = await volumesIn(join(paths.podDir(pod.metadata.uid ?? ''), 'volumes'));
  const inMemory = await memoryVolumes(paths, pod);
  const ephemeral = [...logs.values(), ...writable.values(), ...onDisk.filter(({ name }) => isOnNodeDisk(pod, name))];
  return { logs, writable, volumes: [...onDisk, ...inMemory], ephemeral: sum(ephemeral) };
}

/** An emptyDir that lies on the node's own disk. */
export const isOnNodeDisk = (pod: Pod, name: string): boolean =>
  pod.spec.volumes?.some((volume) => volume.name === name && volume.emptyDir && volume.emptyDir.medium !== 'Memory') ??
  false;

const sum = (all: readonly DiskUsage[]): DiskUsage => ({
  bytes: all.reduce((total, { bytes }) => total + bytes, 0),
  inodes: all.reduce((total, { inodes }) => total + inodes, 0),
});

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** `<kind>/<name>` below a folder. */
async function volumesIn(folder: string): Promise<VolumeUsage[]> {
  const found = [];
  for (const kind of await names(folder)) {
    for (const name of await names(join(folder, kind))) {
      // Of what somebody else's file system holds, only that is asked how full it is.
      const measure = kind === 'emptyDir' ? treeUsage : usedOf;
      found.push(await volumeUsage({ path: join(folder, kind, name), name }, measure));
    }
  }
  return found.filter((one) => one !== undefined);
}

async function memoryVolumes(paths: PodPaths, pod: Pod): Promise<VolumeUsage[]> {
  const folder = paths.podMemoryDir(pod.metadata.uid ?? '');
  const all = (await names(folder)).map((name) => volumeUsage({ path: join(folder, name), name }, treeUsage));
  return (await Promise.all(all)).filter((one) => one !== undefined);
}

async function usedOf(path: string): Promise<DiskUsage> {
  const { capacityBytes, availableBytes, inodes, inodesFree } = await fileSystemOf(path);
  return { bytes: capacityBytes - availableBytes, inodes: inodes - inodesFree };
}

async function volumeUsage(
  { path, name }: { path: string; name: string },
  measure: (path: string) => Promise<DiskUsage>,
): Promise<VolumeUsage | undefined> {
  const fileSystem = await fileSystemOf(path).catch(() => undefined);
  return fileSystem && { name, fileSystem, ...(await measure(path)) };
}
