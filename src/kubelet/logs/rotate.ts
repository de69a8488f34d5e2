import { readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RuntimeService } from '../../api/generated/cri.ts';
import type { Pod } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { PodPaths } from '../pod-paths.ts';

const maxBytes = 10 * 1024 * 1024;
/** The one being written included. */
const maxFiles = 5;

export interface LogOwner {
  pod: Pod;
  container: { id: string; name: string; attempt: number };
}

/** Looks at the log of each running container and rotates what has grown too large. One stat call a container. */
export async function rotateLogs(
  deps: { runtime: RuntimeService; paths: PodPaths; clock: Clock },
  owners: readonly LogOwner[],
): Promise<void> {
  for (const { pod, container } of owners) {
    const file = deps.paths.logFile(pod, container.name, container.attempt);
    const { size } = await stat(file).catch(() => ({ size: 0 }));
    if (size > maxBytes) await rotate(file, container.id, deps);
  }
}

/** `0.log` becomes `0.log.20260102-150405`; the runtime then opens a fresh `0.log`. The oldest ones go. */
async function rotate(
  file: string,
  containerId: string,
  { runtime, clock }: { runtime: RuntimeService; clock: Clock },
): Promise<void> {
  const stamp = new Date(clock.now()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const rotated = `${file}.${stamp}`;
  await rename(file, rotated);
  try {
    await runtime.ReopenContainerLog({ containerId });
  } catch (error) {
    // It still writes to the old file: give that its name back.
    await rename(rotated, file);
    throw error;
  }
  await removeOldest(file);
}

async function removeOldest(file: string): Promise<void> {
  const dir = dirname(file);
  const prefix = `${file.slice(dir.length + 1)}.`;
  const rotated = (await readdir(dir)).filter((name) => name.startsWith(prefix)).sort();
  for (const name of rotated.slice(0, Math.max(rotated.length - (maxFiles - 1), 0)))
    await rm(join(dir, name), { force: true });
}
