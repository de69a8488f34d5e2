import { chmod, mkdir } from 'node:fs/promises';
import { wholeValue } from '../../api/meta/quantity.ts';
import { isMountPoint } from './mount-point.ts';
import { outputOf } from '../../host/command.ts';
import { giveToGroup } from './ownership.ts';
import type { VolumeKind } from './volume.ts';

/** An empty folder that lives as long as the pod; with medium Memory a tmpfs of its own. */
export const emptyDir: VolumeKind = {
  name: 'emptyDir',
  handles: (volume) => volume.emptyDir !== undefined,
  async prepare({ pod, volume, diskDir }, { run }) {
    const isFirst = (await mkdir(diskDir, { recursive: true })) !== undefined;
    const { medium, sizeLimit } = volume.emptyDir ?? {};
    if (medium === 'Memory' && !(await isMountPoint(diskDir))) {
      const size = sizeLimit ? `,size=${wholeValue(sizeLimit)}` : '';
      await outputOf(run, { program: 'mount', args: ['-t', 'tmpfs', '-o', `mode=0777${size}`, 'tmpfs', diskDir] });
    }
    // Containers may have changed it since: only the first time counts.
    if (!isFirst) return diskDir;
    await chmod(diskDir, 0o777);
    await giveToGroup(diskDir, pod);
    return diskDir;
  },
};
