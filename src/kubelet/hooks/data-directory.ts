import { mkdir } from 'node:fs/promises';
import { removeTree } from '../../cri/mounts.ts';
import type { PodPaths } from '../pod-paths.ts';
import type { PodHook } from './hook.ts';

/** The pod's own folder, with everything the other hooks put into it. First to be made, last to go. */
export const dataDirectoryHook = ({ paths }: { paths: PodPaths }): PodHook => ({
  name: 'data-directory',
  async prepare(pod) {
    await mkdir(paths.podDir(pod.metadata.uid ?? ''), { recursive: true, mode: 0o750 });
  },
  teardown: (pod) => removeTree(paths.podDir(pod.metadata.uid ?? '')),
});
