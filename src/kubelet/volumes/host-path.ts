import type { Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import type { HostPathType } from '../../api/generated/types.ts';
import type { VolumeKind } from './volume.ts';

const checks: Record<Exclude<HostPathType, '' | 'DirectoryOrCreate' | 'FileOrCreate'>, (found: Stats) => boolean> = {
  Directory: (found) => found.isDirectory(),
  File: (found) => found.isFile(),
  Socket: (found) => found.isSocket(),
  CharDevice: (found) => found.isCharacterDevice(),
  BlockDevice: (found) => found.isBlockDevice(),
};

/** A path of the node itself. */
export const hostPath: VolumeKind = {
  name: 'hostPath',
  handles: (volume) => volume.hostPath !== undefined,
  async prepare({ volume }, { nodePath }) {
    const { path: given, type = '' } = volume.hostPath ?? { path: '' };
    const path = nodePath(given);
    if (type === '') return path;
    if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
    if (type === 'FileOrCreate') await (await open(path, 'a', 0o644)).close();
    const found = await stat(path).catch(() => undefined);
    const wanted = type === 'DirectoryOrCreate' ? 'Directory' : type === 'FileOrCreate' ? 'File' : type;
    if (!found || !checks[wanted](found))
      throw new Error(`hostPath type check failed: ${path} is not a ${words[wanted]}`);
    return path;
  },
};

const words: Record<keyof typeof checks, string> = {
  Directory: 'directory',
  File: 'file',
  Socket: 'socket file',
  CharDevice: 'character device',
  BlockDevice: 'block device',
};
