import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The folder was removed, or replaced, while the lock was waited for. */
export class FolderGoneError extends Error {
  constructor(dir: string) {
    super(`${dir} was removed by another command`);
    this.name = 'FolderGoneError';
  }
}

/** Somebody else has held the lock all the time. */
export class LockTimeoutError extends Error {
  constructor(dir: string, seconds: number) {
    super(`another command has been at work on ${dir} for ${seconds} s; try again when it has ended`);
    this.name = 'LockTimeoutError';
  }
}

const exitCodes = { gone: 75, timeout: 76 };

/**
 * Takes flock(2) on the folder $1, which Node cannot do by itself; $2: how long to wait, seconds. Says `waiting` when
 * somebody else has it, `locked` when it is ours. The lock lives as long as standard input is open: it ends with the
 * process that asked for it, however that one ends.
 */
const script = `
exec 9<"$1" || exit ${exitCodes.gone}
flock -n 9 || { echo waiting; flock -w "$2" 9 || exit ${exitCodes.timeout}; }
[ "$1" -ef /proc/self/fd/9 ] || exit ${exitCodes.gone}
echo locked
exec cat >/dev/null`;

export interface FolderLockOptions {
  /** Called once when another process has the lock. */
  onWait?: () => void;
  /** 600 unless told; then `LockTimeoutError`. */
  timeoutSeconds?: number;
}

/** Runs `work` while no other process of this machine does so with the same folder. Rejects with `FolderGoneError`. */
export async function withFolderLock<T>(
  dir: string,
  { onWait = () => {}, timeoutSeconds = 600 }: FolderLockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const args = ['-c', script, 'knarr-lock', dir, String(timeoutSeconds)];
  const holder = spawn('/bin/sh', args, { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/' });
  const ended = once(holder, 'close') as Promise<[number | null]>;
  holder.stdin.on('error', () => {});
  let isLocked = false;
  for await (const line of createInterface({ input: holder.stdout })) {
    if (line === 'waiting') onWait();
    isLocked = line === 'locked';
    if (isLocked) break;
  }
  if (!isLocked) {
    const [code] = await ended;
    if (code === exitCodes.timeout) throw new LockTimeoutError(dir, timeoutSeconds);
    throw new FolderGoneError(dir);
  }
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
