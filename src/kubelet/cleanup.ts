import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../cri/mounts.ts';
import type { Cgroups } from './cgroup/cgroups.ts';
import { kubepodsOf, qosFolders } from './hooks/cgroup.ts';
import type { PodPaths } from './pod-paths.ts';

export interface CleanupDeps {
  paths: PodPaths;
  cgroups: Cgroups;
  cgroupRoot: string;
  /** Has CSI drivers undo what they did for a pod; only then its folder may go. */
  releaseVolumes(podUid: string): Promise<void>;
}

/** Removes folders, mounts and cgroups of pods that neither the API nor the runtime knows (asked right before each removal:
 * a pod may come while this runs). */
export async function removeOrphans(
  { paths, cgroups, cgroupRoot, releaseVolumes }: CleanupDeps,
  mayKnow: (uid: string) => boolean,
): Promise<void> {
  const failures: unknown[] = [];
  for (const uid of await readdir(paths.podsDir)) {
    if (mayKnow(uid)) continue;
    // A driver that is gone must not keep the rest.
    const isFree = await releaseVolumes(uid).then(
      () => true,
      (error: unknown) => failures.push(error) === 0,
    );
    if (isFree && !mayKnow(uid)) await removeTree(paths.podDir(uid));
  }
  for (const uid of await readdir(paths.memoryDir)) if (!mayKnow(uid)) await removeTree(paths.podMemoryDir(uid));
  for (const name of await readdir(paths.logsDir)) {
    const uid = name.slice(name.lastIndexOf('_') + 1);
    if (!mayKnow(uid)) await rm(join(paths.logsDir, name), { recursive: true, force: true });
  }
  for (const folder of qosFolders) {
    const parent = `${kubepodsOf(cgroupRoot)}${folder}`;
    for (const name of await cgroups.children(parent)) {
      if (name.startsWith('pod') && !mayKnow(name.slice('pod'.length))) await cgroups.remove(`${parent}/${name}`);
    }
  }
  if (failures.length > 0) throw failures[0];
}
