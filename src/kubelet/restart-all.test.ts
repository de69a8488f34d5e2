import { describe, expect, it } from 'vitest';
import { pods } from '../api/generated/resources.ts';
import type { Pod, PodSpec } from '../api/generated/types.ts';
import { app, isReady, running, World } from './pod-world.fake.ts';

describe('all containers of a pod restart in place', () => {
  const rule = (values: number[], action = 'RestartAllContainers') => ({
    action,
    exitCodes: { operator: 'In', values },
  });
  const asks = (name: string, more: object = {}) =>
    app(name, { restartPolicy: 'Never', restartPolicyRules: [rule([42])], ...more });
  const all = ({ status }: Pod) => [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const restarts = async (world: World) => all((await world.get('p')) as Pod).map((c) => c.restartCount);
  const end = async (world: World, name: string, code = 42) => {
    const one = all((await world.get('p')) as Pod).find((c) => c.name === name);
    world.cri.exit(one?.containerID?.split('//')[1] ?? '', code);
  };
  const done = { exit: { afterMs: 50, code: 0 } };
  const spec: PodSpec = {
    restartPolicy: 'Never',
    initContainers: [app('init'), app('sidecar', { restartPolicy: 'Always' })],
    containers: [asks('app-1'), app('app-2', { lifecycle: { preStop: { sleep: { seconds: 20 } } } })],
  };

  /** What watchers see of the condition. */
  function conditionsOf(world: World): string[] {
    const seen: string[] = [];
    const see = ({ status }: Pod) => {
      const found = status?.conditions?.find(({ type }) => type === 'AllContainersRestarting');
      const text = [found?.status, found?.reason].join(' ').trim();
      if (text !== (seen.at(-1) ?? '')) seen.push(text);
    };
    const events = (batch: readonly { object: Pod }[]) => batch.forEach(({ object }) => see(object));
    world.client.watch(pods, {}, { events, end: () => undefined });
    return seen;
  }

  it('from the first init container, in the same sandbox, without grace; what is for debugging stays', async () => {
    const debugging = { ...spec, ephemeralContainers: [{ name: 'debug', image: 'here:1' }] };
    const world = await running(debugging, { init: done, 'app-2': { onTerm: 'ignore' } });
    const conditions = conditionsOf(world);
    const isDebugged = (pod?: Pod) => pod?.status.ephemeralContainerStatuses?.[0]?.state?.running !== undefined;
    await world.until(async () => isDebugged(await world.get('p')) && isReady(await world.get('p')));
    const before = await world.get('p');
    await end(world, 'app-1');
    await world.until(async () => !isReady(await world.get('p')), 1000);
    await world.until(async () => isReady(await world.get('p')), 5000);
    const { status } = (await world.get('p')) as Pod;
    expect(await restarts(world)).toEqual([1, 1, 1, 1]);
    expect(status.podIP).toBe(before?.status.podIP);
    expect((await world.cri.runtime.ListPodSandbox({})).items).toHaveLength(1);
    expect(status.ephemeralContainerStatuses).toEqual(before?.status.ephemeralContainerStatuses);
    expect(status.containerStatuses?.map(({ lastState }) => lastState?.terminated)).toMatchObject([
      { exitCode: 42, reason: 'Error' },
      { exitCode: 137, reason: 'RestartingAllContainers' },
    ]);
    expect(conditions).toEqual(['False', 'True RestartAllContainersStarted', 'False']);
    expect(status.conditions?.find(({ type }) => type === 'Initialized')?.status).toBe('True');
    expect(world.violations).toEqual([]);
  });

  it('waits with its containers shown as waiting while the init containers run again', async () => {
    const world = await running(spec, { init: done });
    await world.until(async () => isReady(await world.get('p')));
    world.behaviors.set('init', { exit: { afterMs: 5000, code: 0 } });
    await end(world, 'app-1');
    await world.clock.advance(4000);
    const { status } = (await world.get('p')) as Pod;
    expect(status.phase).toBe('Pending');
    expect(status.initContainerStatuses?.[0]).toMatchObject({ ready: false, state: { running: {} } });
    for (const one of status.containerStatuses ?? [])
      expect(one).toMatchObject({ ready: false, state: { waiting: { reason: 'RestartingAllContainers' } } });
    await world.until(async () => isReady(await world.get('p')));
    expect((await world.get('p'))?.status.phase).toBe('Running');
  });

  it('is seen, also of a pod of one container; again and again means ever later', async () => {
    const world = new World(1);
    const conditions = conditionsOf(world);
    const starts: number[] = [];
    const { StartContainer } = world.cri.runtime;
    world.cri.runtime.StartContainer = (request) => {
      starts.push(world.clock.now());
      return StartContainer(request);
    };
    world.behaviors.set('app', { exit: { afterMs: 100, code: 42 } });
    world.start();
    await world.create('p', { restartPolicy: 'Never', containers: [asks('app')] });
    await world.until(() => starts.length === 4, 120_000);
    expect(conditions.filter((text) => text.startsWith('True')).length).toBeGreaterThanOrEqual(3);
    const gaps = starts.slice(1).map((at, i) => Math.round((at - (starts[i] ?? 0)) / 1000));
    expect(gaps).toEqual([0, 10, 20]);
  });

  it('when an init container or a sidecar asks for it, and not when another rule comes first', async () => {
    const own = {
      restartPolicy: 'Never',
      initContainers: [asks('init'), asks('sidecar', { restartPolicy: 'Always' })],
      containers: [app('app', { restartPolicy: 'Never', restartPolicyRules: [rule([1], 'Restart'), rule([1, 2])] })],
    };
    const world = await running(own as PodSpec, { init: { exit: { afterMs: 50, code: 42 } } });
    const conditions = conditionsOf(world);
    await world.until(() => conditions.some((text) => text.startsWith('True')));
    world.behaviors.set('init', done);
    await world.until(async () => isReady(await world.get('p')));
    const [init = 0] = await restarts(world);
    await end(world, 'sidecar');
    await world.until(async () => (await restarts(world)).join() === [init + 1, 1, 1].join());
    await world.until(async () => isReady(await world.get('p')));
    await end(world, 'app', 1);
    await world.until(async () => (await restarts(world)).join() === [init + 1, 1, 2].join());
    expect(world.violations).toEqual([]);
  });

  it.each([0, 20, 60, 100, 200, 400, 2000, 2500])(
    'goes on where the agent died after %i ms, and once is enough',
    async (ms) => {
      const world = await running(spec, { init: done, 'app-2': { onTerm: 'ignore' } });
      await world.until(async () => isReady(await world.get('p')));
      await end(world, 'app-1');
      await world.clock.advance(ms);
      world.kill();
      await world.clock.advance(3000);
      world.start();
      await world.until(async () => (await restarts(world)).every((count) => count > 0));
      await world.until(async () => isReady(await world.get('p')));
      const counts = await restarts(world);
      await world.clock.advance(30_000);
      expect(await restarts(world)).toEqual(counts);
      expect(Math.max(...counts)).toBeLessThanOrEqual(2);
      expect(world.violations).toEqual([]);
    },
  );
});
