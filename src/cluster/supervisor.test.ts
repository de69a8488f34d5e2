import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../base/clock.ts';
import { isAlive, readIdentity, signal } from '../host/recorded-process.ts';
import { maxLogBytes } from './log-rotation.ts';
import { isServiceCurrent, logFile, type Service, serviceStatus, startService, stopService } from './supervisor.ts';

let dir: string;
let place: { runDir: string; logDir: string };
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'knarr-supervisor-'));
  place = { runDir: join(dir, 'run'), logDir: join(dir, 'log') };
});
afterEach(async () => {
  await stopService(place, 'server', realClock);
  rmSync(dir, { recursive: true });
});

const build = (version: string) => ({ version, id: 'abc123' });
const service = (script: string, version = '1.0.0'): Service => ({
  name: 'server',
  command: ['/bin/sh', '-c', script],
  build: build(version),
});
const start = (wanted: Service) => startService(place, wanted, realClock);
const running = async (): Promise<number> => {
  let pid: number | undefined;
  await expect.poll(async () => (pid = (await serviceStatus(place, 'server')).pid)).toBeDefined();
  return pid as number;
};
const sleeper = 'exec sleep 1000';

describe('a supervised service', () => {
  it('is started once, and known again with its build', async () => {
    expect(await start(service(sleeper))).toEqual({ was: 'stopped' });
    const pid = await running();
    expect(await start(service(sleeper))).toEqual({ was: 'running' });
    expect(await serviceStatus(place, 'server')).toEqual({ running: true, pid, build: build('1.0.0') });
    expect(await isServiceCurrent(place, service(sleeper))).toBe(true);
    expect(await isServiceCurrent(place, service(sleeper, '1.0.1'))).toBe(false);
  });

  it('gives way to another build or command, and says which it was', async () => {
    await start(service(sleeper));
    const pid = await running();
    expect(await start(service(sleeper, '1.0.1'))).toEqual({ was: 'replaced', build: build('1.0.0') });
    const next = await running();
    expect(next).not.toBe(pid);
    expect(await start(service('exec sleep 2000', '1.0.1'))).toEqual({ was: 'replaced', build: build('1.0.1') });
    expect(await running()).not.toBe(next);
  });

  it('is started again when it ends, and ends with its supervisor', async () => {
    await start(service(sleeper));
    const pid = await running();
    signal(pid, 'SIGKILL');
    await expect.poll(async () => (await serviceStatus(place, 'server')).pid ?? pid).not.toBe(pid);
    const again = await running();
    const identity = await readIdentity(join(place.runDir, 'server.pid'));
    expect(identity?.pid).toBe(again);
    await stopService(place, 'server', realClock);
    expect(identity && (await isAlive(identity))).toBe(false);
    expect(await serviceStatus(place, 'server')).toEqual({ running: false });
    expect(readFileSync(logFile(place, 'server'), 'utf8')).toContain('program ended with code 137');
  });

  it('can be stopped at once after it was started', async () => {
    const here = place;
    for (let i = 0; i < 5; i++) {
      await start(service(sleeper));
      const supervisor = await readIdentity(join(here.runDir, 'server.supervisor.pid'));
      const began = realClock.now();
      await stopService(here, 'server', realClock);
      expect(realClock.now() - began).toBeLessThan(10_000);
      expect(supervisor && (await isAlive(supervisor))).toBe(false);
      expect(await serviceStatus(here, 'server')).toEqual({ running: false });
    }
  });

  it('that never runs for long does not fill the disk with its log', async () => {
    await start(service('exit 3'));
    await stopService(place, 'server', realClock);
    writeFileSync(logFile(place, 'server'), '');
    appendFileSync(logFile(place, 'server'), Buffer.alloc(maxLogBytes + 1, 'x'));
    await start(service('echo hello; exit 3'));
    // What the loop itself says may come before; of what was there nothing may be left.
    await expect.poll(() => readFileSync(logFile(place, 'server'), 'utf8')).toMatch(/^(knarr: [^x]*\n)*hello\n/);
    expect(statSync(`${logFile(place, 'server')}.1`).size).toBe(maxLogBytes + 1);
  });
});
