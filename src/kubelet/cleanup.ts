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
}

/** Removes folders, mounts and cgroups of pods that neither the API nor the runtime knows (asked right before each removal:
 * a pod may come while this runs). */
export async function removeOrphans(
  { paths, cgroups, cgroupRoot }: CleanupDeps,
  mayKnow: (uid: string) => boolean,
): Promise<void> {
  for (const dir of [paths.podsDir, paths.memoryDir]) {
    for (const uid of await readdir(dir)) if (!mayKnow(uid)) await removeTree(join(dir, uid));
  }
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
}
