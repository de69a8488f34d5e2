import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FolderGoneError, LockTimeoutError, withFolderLock } from './folder-lock.ts';

describe('withFolderLock', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'knarr-lock-'));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('lets one in at a time, and tells the others that they wait', async () => {
    let inside = 0;
    let most = 0;
    let waits = 0;
    const one = () =>
      withFolderLock(dir, { onWait: () => waits++ }, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inside--;
      });
    await Promise.all([one(), one(), one()]);
    expect(most).toBe(1);
    expect(waits).toBeGreaterThan(0);
  });

  it('gives the lock back when the work fails, and gives up in time', async () => {
    await expect(withFolderLock(dir, {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await withFolderLock(dir, {}, async () => {
      await expect(withFolderLock(dir, { timeoutSeconds: 0 }, async () => {})).rejects.toThrow(LockTimeoutError);
    });
  });

  it('ends with the process that holds it, however that ends', async () => {
    const file = join(import.meta.dirname, 'folder-lock.ts');
    const program = `import { withFolderLock } from ${JSON.stringify(file)};
      await withFolderLock(${JSON.stringify(dir)}, {}, () => { console.log('mine'); return new Promise(() => setInterval(() => {}, 1e6)); });`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', program];
    const other = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => other.stdout.once('data', resolve));
    await expect(withFolderLock(dir, { timeoutSeconds: 0 }, async () => {})).rejects.toThrow(LockTimeoutError);
    other.kill('SIGKILL');
    expect(await withFolderLock(dir, { timeoutSeconds: 10 }, async () => 'mine now')).toBe('mine now');
  });

  it('is not taken on a folder that is gone or another one now', async () => {
    await expect(withFolderLock(join(dir, 'none'), {}, async () => {})).rejects.toThrow(FolderGoneError);
    const inner = join(dir, 'inner');
    await mkdir(inner);
    let second: Promise<unknown> | undefined;
    await withFolderLock(inner, {}, async () => {
      await new Promise<void>((waiting) => {
        second = withFolderLock(inner, { onWait: waiting }, async () => {}).catch((error: unknown) => error);
      });
      await rm(inner, { recursive: true });
      await mkdir(inner);
    });
    expect(await second).toBeInstanceOf(FolderGoneError);
  });
});
