import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PodPaths } from '../pod-paths.ts';
import type { PodHook } from './hook.ts';

/** The file a container may write its last words to; whoever it runs as. */
export const terminationLogHook = ({ paths }: { paths: PodPaths }): PodHook => ({
  name: 'termination-log',
  async mounts({ pod, container, attempt }) {
    const containerPath = container.terminationMessagePath ?? '/dev/termination-log';
    const file = paths.terminationLog(pod.metadata.uid ?? '', container.name, attempt);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '');
    await chmod(file, 0o666);
    return [{ hostPath: file, containerPath, readonly: false }];
  },
});
