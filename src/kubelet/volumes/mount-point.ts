import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** True when something is mounted on the folder (another device than its parent's). False when it is not there. */
export async function isMountPoint(path: string): Promise<boolean> {
  try {
    const [own, parent] = await Promise.all([stat(path), stat(dirname(path))]);
    return own.dev !== parent.dev;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
