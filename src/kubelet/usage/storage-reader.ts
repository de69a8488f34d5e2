import { join } from 'node:path';
import type { Pod, Volume } from '../../api/generated/types.ts';
import type { Cri } from '../../cri/cri.ts';
import { ephemeralClaimName } from '../../placement/volumes/claim-names.ts';
import type { PodPaths } from '../pod-paths.ts';
import type { PodState } from '../worker/state.ts';
import { type DiskUsage, type FileSystemSize, fileSystemOf, treeUsage } from './disk-usage.ts';

export interface VolumeUsage extends DiskUsage {
  name: string;
  /** The claim behind it. */
  claim?: string;
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
  paths: PodPaths;
  /** Where a pod's volumes are on the node, by name. */
  volumePaths(podUid: string): ReadonlyMap<string, string>;
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
  deps: StorageReaderDeps,
  { pod, containers }: PodState,
  layers: ReadonlyMap<string, DiskUsage>,
): Promise<PodStorage> {
  const logs = new Map<string, DiskUsage>();
  const writable = new Map<string, DiskUsage>();
  for (const { name, current } of Object.values(containers)) {
    logs.set(name, await treeUsage(join(deps.paths.logDir(pod), name)));
    writable.set(name, layers.get(current?.id ?? '') ?? { bytes: 0, inodes: 0 });
  }
  const volumes = await volumesOf(deps, pod, pod.spec.volumes ?? []);
  const ephemeral = [...logs.values(), ...writable.values(), ...volumes.filter(({ name }) => isOnNodeDisk(pod, name))];
  return { logs, writable, volumes, ephemeral: sum(ephemeral) };
}

/** The volumes with a claim behind them, which others watch over: asked of their file systems, so it costs little. */
export const claimUsages = (deps: StorageReaderDeps, pod: Pod): Promise<VolumeUsage[]> =>
  volumesOf(
    deps,
    pod,
    (pod.spec.volumes ?? []).filter((volume) => claimOf(pod, volume) !== undefined),
  );

/** An emptyDir that lies on the node's own disk. */
const isOnNodeDisk = (pod: Pod, name: string): boolean =>
  pod.spec.volumes?.some((volume) => volume.name === name && volume.emptyDir && volume.emptyDir.medium !== 'Memory') ??
  false;

const claimOf = (pod: Pod, volume: Volume): string | undefined =>
  volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral && ephemeralClaimName(pod, volume.name));

const sum = (all: readonly DiskUsage[]): DiskUsage => ({
  bytes: all.reduce((total, { bytes }) => total + bytes, 0),
  inodes: all.reduce((total, { inodes }) => total + inodes, 0),
});

/** A folder of the node's own is nobody's to measure. */
async function volumesOf(deps: StorageReaderDeps, pod: Pod, volumes: readonly Volume[]): Promise<VolumeUsage[]> {
  const ready = deps.volumePaths(pod.metadata.uid ?? '');
  const found: VolumeUsage[] = [];
  for (const volume of volumes) {
    const path = ready.get(volume.name);
    if (path === undefined || volume.hostPath) continue;
    const claim = claimOf(pod, volume);
    // Of what somebody else's file system holds, only that is asked how full it is.
    const isOwn = claim === undefined && !volume.csi;
    const fileSystem = await fileSystemOf(path).catch(() => undefined);
    if (!fileSystem) continue;
    const used = isOwn ? await treeUsage(path) : usedOf(fileSystem);
    found.push({ name: volume.name, ...(claim ? { claim } : {}), fileSystem, ...used });
  }
  return found;
}

const usedOf = ({ capacityBytes, availableBytes, inodes, inodesFree }: FileSystemSize): DiskUsage => ({
  bytes: capacityBytes - availableBytes,
  inodes: inodes - inodesFree,
});
