import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { realClock } from '../base/clock.ts';
import { isRunning, readIdentity, recordAndExec, settled, signal, startTimeOf } from './recorded-process.ts';

describe('a recorded process', () => {
  it('is known again by pid, start time and arguments, and not when it has ended', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'knarr-record-'));
    const pidFile = join(dir, 'pid');
    const child = spawn('/bin/sh', ['-c', recordAndExec, 'sh', pidFile, '/bin/sleep', '1000'], { stdio: 'ignore' });
    const running = async () => {
      const identity = await readIdentity(pidFile);
      return identity !== undefined && (await isRunning(identity, ['1000']));
    };
    expect(await settled(realClock, 5000, running)).toBe(true);
    const identity = await readIdentity(pidFile);
    expect(identity?.pid).toBe(child.pid);
    if (!identity) return;
    expect(await isRunning(identity, ['2000'])).toBe(false);
    expect(await isRunning({ ...identity, startTime: '1' }, ['1000'])).toBe(false);
    signal(identity.pid, 'SIGKILL');
    expect(await settled(realClock, 5000, async () => !(await running()))).toBe(true);
    expect(() => signal(identity.pid, 'SIGKILL')).not.toThrow();
    await rm(dir, { recursive: true });
  });

  it('has its start time after a name that may look like anything', () => {
    const fields = Array.from({ length: 30 }, (_, i) => String(i + 3));
    expect(startTimeOf(`7 (a) b) ${fields.join(' ')}`)).toBe('22');
  });

  it('is unknown after a restart of the machine', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'knarr-record-'));
    const file = join(dir, 'pid');
    await writeFile(file, '7 22 00000000-0000-0000-0000-000000000000\n');
    expect(await readIdentity(file)).toBeUndefined();
    await writeFile(file, '7 22\n');
    expect(await readIdentity(file)).toEqual({ pid: 7, startTime: '22' });
    await rm(dir, { recursive: true });
  });

  it('is unknown without a whole record', async () => {
    expect(await readIdentity('/does/not/exist')).toBeUndefined();
  });
});
