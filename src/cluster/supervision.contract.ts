import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Supervision } from './supervision.ts';
import type { Service } from './supervisor.ts';

/** Emulated machines are slow. */
const patienceMs = 30_000;
const hour = '3600';

/** What everyone promises who keeps services running. `open` gives one of a cluster that nobody has. */
export function supervisionContract(
  name: string,
  open: () => Promise<{ supervision: Supervision; close(): Promise<void> }>,
): void {
  describe(`supervision contract: ${name}`, () => {
    let supervision: Supervision;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ supervision, close } = await open());
    });
    afterAll(() => close());

    const build = { version: '1.0.0', id: 'aaaa' };
    const service = (script: string, id = build.id): Service => ({
      name: 'server',
      // Tells systemd that it is ready, where systemd has started it.
      command: ['/bin/sh', '-c', `[ -z "$NOTIFY_SOCKET" ] || systemd-notify --ready; ${script}`],
      build: { ...build, id },
    });
    const sleeper = service(`echo begun; exec sleep ${hour}`);
    const running = () =>
      vi.waitFor(async () => {
        const { running, pid } = await supervision.status('server');
        expect(running).toBe(true);
        return pid as number;
      }, patienceMs);
    const alive = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };

    it('knows nothing of a service that was never started', async () => {
      expect(await supervision.status('server')).toEqual({ running: false });
      expect(await supervision.isCurrent(sleeper)).toBe(false);
      await supervision.stop('server');
    });

    it('starts a service once, and says as which build it runs', async () => {
      expect(await supervision.start(sleeper)).toEqual({ was: 'stopped' });
      const pid = await running();
      expect(await supervision.start(sleeper)).toEqual({ was: 'running' });
      expect(await supervision.status('server')).toEqual({ running: true, pid, build });
      expect(await supervision.isCurrent(sleeper)).toBe(true);
      await vi.waitFor(async () => expect(await supervision.readLog('server')).toContain('begun'), patienceMs);
    });

    it('starts it again when it dies', async () => {
      const pid = await running();
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(async () => {
        const now = await supervision.status('server');
        expect(now.running).toBe(true);
        expect(now.pid).not.toBe(pid);
      }, patienceMs);
    });

    it('puts another build, and another command, in its place', async () => {
      const pid = await running();
      const other = service(`exec sleep ${hour}`, 'bbbb');
      expect(await supervision.isCurrent(other)).toBe(false);
      expect(await supervision.start(other)).toEqual({ was: 'replaced', build });
      const next = await running();
      expect(next).not.toBe(pid);
      expect(alive(pid)).toBe(false);
      expect((await supervision.status('server')).build).toEqual({ ...build, id: 'bbbb' });
    });

    it('stops it, and it stays stopped', async () => {
      const pid = await running();
      await supervision.stop('server');
      expect(await supervision.status('server')).toEqual({ running: false });
      expect(alive(pid)).toBe(false);
      await supervision.stop('server');
    });

    it('starts it again after that', async () => {
      expect(await supervision.start(sleeper)).toEqual({ was: 'stopped' });
      await running();
      await supervision.stop('server');
    });

    it('removes it for good, and takes it as new afterwards', async () => {
      await supervision.start(sleeper);
      const pid = await running();
      await supervision.remove('server');
      expect(alive(pid)).toBe(false);
      expect(await supervision.status('server')).toEqual({ running: false });
      await supervision.remove('server');
      expect(await supervision.start(sleeper)).toEqual({ was: 'stopped' });
      await running();
      await supervision.stop('server');
    });

    it('forgets it when all is over', async () => {
      await supervision.finish({ forget: true });
      expect(await supervision.status('server')).toEqual({ running: false });
    });
  });
}
