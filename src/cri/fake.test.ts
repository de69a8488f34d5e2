import { describe, expect, it } from 'vitest';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { TaskEvent } from './cri.ts';
import type { ContainerBehavior, FakeCriOptions } from './fake.ts';
import { FakeCri } from './fake.ts';

const image = { image: 'app:1' };

function world(behavior: ContainerBehavior = {}, options: FakeCriOptions = {}) {
  const clock = new VirtualClock(0);
  const images = [{ ref: 'app:1', present: true }];
  const cri = new FakeCri({ clock, rng: seededRng(7) }, { behavior: () => behavior, images, ...options });
  const events: TaskEvent[] = [];
  const ends: unknown[] = [];
  cri.subscribe({ event: (event) => events.push(event), end: (error) => ends.push(error) });
  const started = async () => {
    const config = { metadata: { name: 'p', uid: 'u', namespace: 'n' } };
    const { podSandboxId } = await cri.runtime.RunPodSandbox({ config });
    const { containerId = '' } = await cri.runtime.CreateContainer({
      podSandboxId,
      config: { metadata: { name: 'c' }, image },
    });
    const start = cri.runtime.StartContainer({ containerId });
    return { podSandboxId, containerId, start };
  };
  return { clock, cri, events, ends, started };
}

describe('the fake runtime on a virtual clock', () => {
  it('takes the time it is told, in starting and in ending', async () => {
    const { clock, cri, events, started } = world({ startDelayMs: 200, exit: { afterMs: 1000, code: 4 } });
    const { containerId, start } = await started();
    await clock.advance(200);
    await start;
    await clock.advance(999);
    expect(events.filter(({ type }) => type === 'exit')).toEqual([]);
    await clock.advance(1);
    expect(events).toContainEqual({ type: 'exit', id: containerId, exitCode: 4, atMs: 1200 });
    expect((await cri.runtime.ContainerStatus({ containerId })).status).toMatchObject({
      startedAt: 200e6,
      finishedAt: 1200e6,
      exitCode: 4,
    });
  });

  it('waits out the grace period of a container that ignores SIGTERM', async () => {
    const { clock, cri, started } = world({ onTerm: 'ignore' });
    const { containerId, start } = await started();
    await start;
    const stopped = cri.runtime.StopContainer({ containerId, timeout: 30 });
    await clock.advance(29_999);
    expect((await cri.runtime.ContainerStatus({ containerId })).status?.state).toBe('CONTAINER_RUNNING');
    await clock.advance(1);
    await stopped;
    expect((await cri.runtime.ContainerStatus({ containerId })).status?.exitCode).toBe(137);
  });

  it('gives the same ids and events for the same seed', async () => {
    const trace = async () => {
      const { clock, events, started } = world({ exit: { afterMs: 10, oom: true } });
      await started();
      await clock.advance(10);
      return events;
    };
    const first = await trace();
    expect(first.map(({ type }) => type)).toEqual(['create', 'start', 'create', 'start', 'oom', 'exit', 'delete']);
    expect(await trace()).toEqual(first);
  });

  it('ends its streams and refuses calls while it is down; containers go on', async () => {
    const { clock, cri, ends, started } = world({ exit: { afterMs: 10, code: 1 } });
    const { containerId, start } = await started();
    await start;
    cri.disconnect();
    expect(ends).toMatchObject([{ code: 'Unavailable' }]);
    await expect(cri.runtime.Version({})).rejects.toMatchObject({ code: 'Unavailable' });
    await clock.advance(10);
    cri.reconnect();
    expect((await cri.runtime.ContainerStatus({ containerId })).status?.exitCode).toBe(1);
  });

  it('pulls what its registry has, in the time that takes, and fails as it is told', async () => {
    const images = [
      { ref: 'slow:1', pullMs: 3000 },
      { ref: 'bad:1', pullError: 'unauthorized' },
      { ref: 'private:1', credentials: ['me:secret'] },
    ];
    const { clock, cri } = world({}, { images });
    const pulled = cri.images.PullImage({ image: { image: 'slow:1' } });
    await clock.advance(2999);
    expect((await cri.images.ImageStatus({ image: { image: 'slow:1' } })).image).toBeUndefined();
    await clock.advance(1);
    const { imageRef } = await pulled;
    expect((await cri.images.ImageStatus({ image: { image: 'slow:1' } })).image?.id).toBe(imageRef);
    await expect(cri.images.PullImage({ image: { image: 'bad:1' } })).rejects.toThrow('unauthorized');
    const request = { image: { image: 'private:1' } };
    await expect(cri.images.PullImage(request)).rejects.toThrow('access denied');
    await cri.images.PullImage({ ...request, auth: { username: 'me', password: 'secret' } });
  });

  it('a container removed while it starts does not start', async () => {
    const { clock, cri, events, started } = world({ startDelayMs: 100 });
    const { podSandboxId, start } = await started();
    const outcome = expect(start).rejects.toMatchObject({ code: 'NotFound' });
    await clock.advance(50);
    await cri.runtime.RemovePodSandbox({ podSandboxId });
    await clock.advance(50);
    await outcome;
    expect(events.filter(({ id, type }) => type === 'start' && id !== podSandboxId)).toEqual([]);
  });
});
