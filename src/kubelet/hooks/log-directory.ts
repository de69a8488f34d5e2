import { mkdir, rm } from 'node:fs/promises';
import type { PodPaths } from '../pod-paths.ts';
import type { PodHook } from './hook.ts';

/** The folder of the pod's logs; they stay readable until the pod is deleted. */
export const logDirectoryHook = ({ paths }: { paths: PodPaths }): PodHook => ({
  name: 'log-directory',
  async prepare(pod) {
    await mkdir(paths.logDir(pod), { recursive: true, mode: 0o755 });
  },
  remove: (pod) => rm(paths.logDir(pod), { recursive: true, force: true }),
});
