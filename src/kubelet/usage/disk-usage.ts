import { type Dirent } from 'node:fs';
import { lstat, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** What a tree of files takes. */
export interface DiskUsage {
  bytes: number;
  inodes: number;
}

/** A file system as a whole. */
export interface FileSystemSize {
  capacityBytes: number;
  availableBytes: number;
  inodes: number;
  inodesFree: number;
}

/** The kernel's unit in `st_blocks`, whatever the file system's. */
const blockBytes = 512;

/**
 * Blocks and inodes of a folder and all below it on the same file system, a file with several names once. Nothing for a
 * folder that is not there; what vanishes meanwhile is left out.
 */
export async function treeUsage(folder: string): Promise<DiskUsage> {
  const root = await lstat(folder).catch(() => undefined);
  const total = { bytes: 0, inodes: 0 };
  if (!root) return total;
  const seen = new Set<number>();
  const count = (stat: { blocks: number; nlink: number; ino: number; isDirectory(): boolean }) => {
    if (stat.nlink > 1 && !stat.isDirectory()) {
      if (seen.has(stat.ino)) return;
      seen.add(stat.ino);
    }
    total.bytes += stat.blocks * blockBytes;
    total.inodes++;
  };
  count(root);
  const folders = root.isDirectory() ? [folder] : [];
  for (let dir = folders.pop(); dir !== undefined; dir = folders.pop()) {
    const entries: Dirent[] = await readdir(dir, { withFileTypes: true }).catch(() => []);
    // One after another: a large tree must not fill the few threads that all file work of this process shares.
    for (const entry of entries) {
      const path = join(dir, entry.name);
      const stat = await lstat(path).catch(() => undefined);
      if (!stat || stat.dev !== root.dev) continue;
      count(stat);
      if (stat.isDirectory()) folders.push(path);
    }
  }
  return total;
}

export async function fileSystemOf(path: string): Promise<FileSystemSize> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(path);
  return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize, inodes: files, inodesFree: ffree };
}
