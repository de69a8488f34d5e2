import { spawn } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import type { Pod } from '../../api/generated/types.ts';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { initialPodState } from '../pod-worker.ts';
import type { PodState } from '../worker/state.ts';
import { onMachineShutdown } from './machine-shutdown.ts';
import { Shutdown } from './shutdown.ts';

const podOf = (name: string, over: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, namespace: 'ns', uid: name },
  spec: { containers: [{ name: 'c' }], ...over },
  status: {},
});

function world(pods: Pod[]) {
  const clock = new VirtualClock();
  const states = new Map<string, PodState>(pods.map((pod) => [pod.metadata.name, initialPodState(pod, 0)]));
  const said: string[] = [];
  const changed = vi.fn();
  const shutdown = new Shutdown(
    {
      ...{ clock, log: silentLog, changed },
      pods: {
        states: () => [...states.values()],
        evict(uid, { reason, graceSeconds }) {
          said.push(`${uid} ${reason} ${graceSeconds}`);
          states.set(uid, { ...(states.get(uid) as PodState), stage: 'terminating' });
        },
      },
    },
    { totalMs: 30_000, criticalMs: 10_000 },
  );
  const end = (name: string) => states.set(name, { ...(states.get(name) as PodState), stage: 'terminated' });
  return { clock, shutdown, said, end, changed };
}

const ordinary = podOf('web', { terminationGracePeriodSeconds: 60 });
const quick = podOf('quick', { terminationGracePeriodSeconds: 2 });
const critical = podOf('dns', { priority: 2_000_001_000 });

describe('a machine that goes down', () => {
  it('ends ordinary pods first, each with its own grace as far as there is time, then critical ones', async () => {
    const { clock, shutdown, said, end, changed } = world([critical, ordinary, quick]);
    const isDone = vi.fn();
    void shutdown.begin().then(isDone);
    await clock.advance(0);
    expect(said).toEqual(['web Terminated 20', 'quick Terminated 2']);
    expect([shutdown.isUnderWay, changed.mock.calls.length]).toEqual([true, 1]);
    end('quick');
    await clock.advance(5000);
    expect(said).toHaveLength(2);
    end('web');
    await clock.advance(200);
    expect(said.at(-1)).toBe('dns Terminated 10');
    expect(isDone).not.toHaveBeenCalled();
    end('dns');
    await clock.advance(200);
    expect(isDone).toHaveBeenCalled();
  });

  it('does not wait longer than it may', async () => {
    const { clock, shutdown, said } = world([critical, ordinary]);
    const isDone = vi.fn();
    void shutdown.begin().then(isDone);
    await clock.advance(19_000);
    expect(said).toHaveLength(1);
    await clock.advance(1200);
    expect(said).toHaveLength(2);
    await clock.advance(10_200);
    expect(isDone).toHaveBeenCalled();
  });

  it('may stay after all', async () => {
    const { clock, shutdown, said } = world([ordinary, critical]);
    void shutdown.begin();
    await clock.advance(1000);
    shutdown.cancel();
    await clock.advance(30_000);
    expect([said.length, shutdown.isUnderWay]).toEqual([1, false]);
  });
});

describe('the word of it', () => {
  const monitor = (...lines: string[]) =>
    spawn('sh', ['-c', `printf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}; exec sleep 1000`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });

  it('comes from logind; the lock that holds the machine up goes when the pods have ended', async () => {
    let ended: () => void = () => {};
    const begin = vi.fn(() => new Promise<void>((resolve) => (ended = resolve)));
    const watch = monitor('signal time=1 sender=:1.2 member=PrepareForShutdown', '   boolean true');
    const over = new Promise<void>((resolve) => watch.on('exit', () => resolve()));
    onMachineShutdown({ log: silentLog, start: () => watch }, { begin, cancel: () => {} });
    await vi.waitFor(() => expect(begin).toHaveBeenCalledTimes(1), 10_000);
    expect(watch.exitCode ?? watch.signalCode).toBeNull();
    ended();
    await over;
  });

  it('may be taken back, and is no trouble where there is no systemd', async () => {
    const cancel = vi.fn();
    const sink = { begin: async () => {}, cancel };
    const watch = monitor('   boolean false');
    const { stop } = onMachineShutdown({ log: silentLog, start: () => watch }, sink);
    await vi.waitFor(() => expect(cancel).toHaveBeenCalled(), 10_000);
    stop();
    const none = () => spawn('/does-not-exist', [], { stdio: ['ignore', 'pipe', 'ignore'] });
    onMachineShutdown({ log: silentLog, start: none }, sink).stop();
  });
});
