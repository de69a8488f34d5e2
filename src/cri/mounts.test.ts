import { mkdir, mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseMountInfo, removeTree } from './mounts.ts';

const mountInfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
41 22 0:40 net:[4026532] /var/lib/a\\040b/netns/x rw master:3 propagate_from:2 - nsfs nsfs rw
`;

describe('mounts', () => {
  it('are read with their types, optional fields or not, and spaces in their paths', () => {
    expect(parseMountInfo(mountInfo)).toEqual([
      { path: '/', fsType: 'ext4', isShared: true },
      { path: '/sys/fs/cgroup/memory', fsType: 'cgroup', isShared: false },
      { path: '/var/lib/a b/netns/x', fsType: 'nsfs', isShared: false },
    ]);
  });

  it('a tree without any is deleted, and one that does not exist is no error', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'knarr-tree-'));
    await mkdir(join(dir, 'a/b'), { recursive: true });
    await writeFile(join(dir, 'a/b/c'), '');
    await removeTree(dir);
    await expect(stat(dir)).rejects.toMatchObject({ code: 'ENOENT' });
    await removeTree(dir);
  });
});
