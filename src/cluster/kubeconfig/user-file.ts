import { chmod, chown, mkdir, open, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, sleep } from '../../base/clock.ts';
import { readText } from '../../pki/files.ts';

/** The file that kubectl writes to: the first of $KUBECONFIG, else ~/.kube/config; undefined without a home. */
export function userKubeconfigPath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = (env.KUBECONFIG ?? '').split(':').find((path) => path !== '');
  if (named) return named;
  return env.HOME ? join(env.HOME, '.kube/config') : undefined;
}

/** Somebody else holds the lock: kubectl at this moment, or one that was killed with it. */
export class KubeconfigLockedError extends Error {
  constructor(lock: string) {
    super(`${lock} is there: another program changes the file. Remove it when none does`);
    this.name = 'KubeconfigLockedError';
  }
}

const lockTimeoutMs = 5000;
const lockPauseMs = 50;

/**
 * Changes a kubeconfig of a person: under the lock that kubectl takes (a file beside it, made with O_EXCL), whole or not at
 * all, through a link to where it points, with the owner it had, mode 0600. `change` gets the text, '' for no file, and gives
 * the new one; undefined removes the file. Resolves with whether anything was written.
 */
export async function changeKubeconfig(
  path: string,
  { clock }: { clock: Clock },
  change: (text: string) => string | undefined,
): Promise<boolean> {
  const target = await realpath(path).catch(() => path);
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  const unlock = await lock(`${target}.lock`, clock);
  try {
    const text = (await readText(target)) ?? '';
    const changed = change(text);
    if (changed === text) return false;
    if (changed === undefined) await rm(target, { force: true });
    else await replace(target, changed);
    return true;
  } finally {
    await unlock();
  }
}

/** Removes the folder of the file when nothing is in it. */
export async function removeEmptyFolder(path: string): Promise<void> {
  await rmdir(dirname(path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
  });
}

async function lock(path: string, clock: Clock): Promise<() => Promise<void>> {
  const deadline = clock.now() + lockTimeoutMs;
  for (;;) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (clock.now() >= deadline) throw new KubeconfigLockedError(path);
      await sleep(clock, lockPauseMs);
    }
  }
}

async function replace(path: string, text: string): Promise<void> {
  const owner = await stat(path).catch(() => undefined);
  const next = `${path}.knarr-next`;
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(next, 0o600);
  if (owner) await chown(next, owner.uid, owner.gid);
  await rename(next, path);
}
