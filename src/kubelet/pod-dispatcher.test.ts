import { describe, expect, it } from 'vitest';
import { pods, runtimeclasses } from '../api/generated/resources.ts';
import type { Container, Pod, PodSpec } from '../api/generated/types.ts';
import type { ContainerBehavior } from '../cri/fake.ts';
import { containerNameLabel } from './config/labels.ts';
import { staticPodOf } from './static-pods/manifest.ts';
import { app, isReady, running, World } from './pod-world.fake.ts';

describe('a pod on a node', () => {
  it('runs, is ready, and leaves nothing behind when deleted', async () => {
    const world = await running({ containers: [app()], terminationGracePeriodSeconds: 5 });
    await world.until(async () => isReady(await world.get('p')));
    const pod = await world.get('p');
    expect(pod?.status).toMatchObject({ phase: 'Running', podIP: '10.244.0.2', hostIP: '192.0.2.1' });
    expect(pod?.status.containerStatuses?.[0]).toMatchObject({ ready: true, started: true, restartCount: 0 });
    await world.client.delete(pods, { namespace: 'default', name: 'p' });
    await world.until(async () => (await world.get('p')) === undefined);
    expect(await world.containers()).toEqual([]);
    expect((await world.cri.runtime.ListPodSandbox({})).items ?? []).toEqual([]);
  });

  it('that ends waits no longer for its volumes', async () => {
    const world = new World(1);
    let isWaiting = false;
    world.hooks.push({
      name: 'volumes',
      prepare(_, signal) {
        isWaiting = true;
        return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    world.start();
    await world.create('p', { containers: [app()], terminationGracePeriodSeconds: 1 });
    await world.until(() => isWaiting);
    await world.client.delete(pods, { namespace: 'default', name: 'p' });
    await world.until(async () => (await world.get('p')) === undefined);
    expect(world.said).not.toContain('FailedMount');
  });

  it('tries a container again at once when the annotation has changed that its mounts are made of', async () => {
    const world = new World(1);
    world.hooks.push({
      name: 'volumes',
      async mounts({ pod: { metadata } }) {
        if (metadata.annotations?.['where'] !== 'inside') throw new Error('it must stay within the volume');
        return [];
      },
    });
    world.start();
    await world.create('p', { containers: [app()] });
    const reason = async () => (await world.get('p'))?.status.containerStatuses?.[0]?.state?.waiting?.reason;
    await world.until(async () => (await reason()) === 'CreateContainerConfigError');
    const body = { metadata: { annotations: { where: 'inside' } } };
    await world.client.patch(pods, { namespace: 'default', name: 'p' }, { type: 'merge', body });
    await world.clock.advance(2000);
    expect(isReady(await world.get('p'))).toBe(true);
  });

  it('tries again also when its timer comes a moment early', async () => {
    const world = new World(1);
    const { clock } = world;
    const after = clock.after.bind(clock);
    // As a machine's timers, which count by another clock than its time of day.
    clock.after = (delayMs, run, options) => after(delayMs >= 5000 ? delayMs - 1 : delayMs, run, options);
    let tries = 0;
    world.hooks.push({
      name: 'volumes',
      async mounts() {
        if (++tries < 4) throw new Error('not yet');
        return [];
      },
    });
    world.start();
    await world.create('p', { containers: [app()] });
    await clock.advance(60_000);
    expect([tries, isReady(await world.get('p'))]).toEqual([4, true]);
  });

  it('starts nothing in a pod before its network is ready', async () => {
    const world = new World(1);
    const asked: string[] = [];
    let open = () => {};
    world.admit = (addresses) =>
      new Promise((resolve) => {
        asked.push(...addresses);
        open = resolve;
      });
    world.start();
    await world.create('p', { containers: [app()] });
    await world.until(() => asked.length > 0);
    await world.clock.advance(60_000);
    expect(asked).toEqual(['10.244.0.2']);
    expect(await world.containers()).toEqual([]);
    open();
    await world.until(async () => isReady(await world.get('p')));
  });

  it('does not ask the runtime again for what it has done itself, and finds what others did', async () => {
    const world = await running({ containers: [app()] });
    await world.until(async () => isReady(await world.get('p')));
    const { runtime } = world.cri;
    const asked: string[] = [];
    for (const name of ['ContainerStatus', 'PodSandboxStatus'] as const) {
      const call = runtime[name] as (request: object) => Promise<object>;
      runtime[name] = (request: object) => {
        asked.push(name);
        return call(request);
      };
    }
    await world.clock.advance(10_000);
    expect(asked).toEqual([]);
    // Behind the agent's back.
    const [{ id = '' } = {}] = await world.containers();
    await runtime.RemoveContainer({ containerId: id });
    await world.until(async () => (await world.containers()).some((other) => other.id !== id));
  });

  it('kills what ignores SIGTERM after the grace period, not before', async () => {
    const world = await running(
      { containers: [app()], terminationGracePeriodSeconds: 7 },
      { app: { onTerm: 'ignore' } },
    );
    await world.until(async () => isReady(await world.get('p')));
    const deletedAt = world.clock.now();
    await world.client.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 7 });
    await world.until(async () => (await world.get('p')) === undefined);
    expect(world.clock.now() - deletedAt).toBeGreaterThanOrEqual(7000);
    expect(world.clock.now() - deletedAt).toBeLessThan(9000);
  });

  it('restarts at once, then after 10 s, then after 20 s', async () => {
    const world = await running({ containers: [app()] }, { app: { exit: { afterMs: 100, code: 3 } } });
    const starts: number[] = [];
    const { StartContainer } = world.cri.runtime;
    world.cri.runtime.StartContainer = (request) => {
      starts.push(world.clock.now());
      return StartContainer(request);
    };
    await world.until(() => starts.length === 4, 120_000);
    const gaps = starts.slice(1).map((at, i) => at - (starts[i] ?? 0));
    expect(gaps[0]).toBeLessThan(500);
    expect(Math.round((gaps[1] ?? 0) / 1000)).toBe(10);
    expect(Math.round((gaps[2] ?? 0) / 1000)).toBe(20);
    await world.until(async () => (await world.get('p'))?.status.containerStatuses?.[0]?.state?.waiting !== undefined);
    const status = (await world.get('p'))?.status;
    expect(status?.phase).toBe('Running');
    expect(status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 3,
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    });
  });

  it('ends as Succeeded or Failed when nothing is to be restarted', async () => {
    const world = await running(
      { containers: [app()], restartPolicy: 'Never' },
      { app: { exit: { afterMs: 50, code: 0 } } },
    );
    await world.until(async () => (await world.get('p'))?.status.phase === 'Succeeded');
    expect((await world.get('p'))?.status.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      reason: 'Completed',
      exitCode: 0,
    });
    world.behaviors.set('app-bad', { exit: { afterMs: 50, oom: true } });
    await world.create('q', { containers: [app('app-bad')], restartPolicy: 'Never' });
    await world.until(async () => (await world.get('q'))?.status.phase === 'Failed');
    expect((await world.get('q'))?.status.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      reason: 'OOMKilled',
      exitCode: 137,
    });
  });

  it('waits a moment for the word that it was killed for its memory, where that comes after the end', async () => {
    const world = new World(5);
    const subscribe = world.cri.subscribe.bind(world.cri);
    world.cri.subscribe = (sink) =>
      subscribe({
        ...sink,
        event: (event) => {
          if (event.type === 'oom') world.clock.after(200, () => sink.event(event));
          else sink.event(event);
        },
      });
    world.start();
    world.behaviors.set('app-bad', { exit: { afterMs: 50, oom: true } });
    await world.create('p', { containers: [app('app-bad')], restartPolicy: 'Never' });
    await world.until(async () => (await world.get('p'))?.status.phase === 'Failed');
    const { terminated } = (await world.get('p'))?.status.containerStatuses?.[0]?.state ?? {};
    expect(terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
  });

  it('runs a pod of a runtime class by what the class says, and not without the class', async () => {
    const world = new World(3);
    const handlers: (string | undefined)[] = [];
    const { RunPodSandbox } = world.cri.runtime;
    world.cri.runtime.RunPodSandbox = (request) => {
      handlers.push(request.runtimeHandler);
      return RunPodSandbox(request);
    };
    world.start();
    await world.create('p', { containers: [app()], runtimeClassName: 'sandboxed' });
    await world.clock.advance(5000);
    expect([handlers, (await world.get('p'))?.status.phase]).toEqual([[], 'Pending']);
    await world.client.create(runtimeclasses, { metadata: { name: 'sandboxed' }, handler: 'runsc' });
    await world.until(async () => (await world.get('p'))?.status.phase === 'Running');
    expect(handlers).toEqual(['runsc']);
  });

  it('runs a pod from a file whatever becomes of its mirror, and through the death of the agent', async () => {
    const world = new World(7);
    const manifest = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [app()] } };
    const pod = staticPodOf(manifest, { file: 'web.yaml', nodeName: 'n', nowMs: world.clock.now() });
    world.statics.push(pod);
    world.start();
    await world.until(async () => (await world.get('web-n'))?.status.phase === 'Running');
    const [container] = await world.containers('web-n');
    await world.client.delete(pods, { namespace: 'default', name: 'web-n' });
    const first = await world.get('web-n');
    await world.until(async () => {
      const mirror = await world.get('web-n');
      return mirror?.metadata.uid !== first?.metadata.uid && mirror?.status.phase === 'Running';
    });
    world.kill();
    world.start();
    await world.clock.advance(5000);
    expect(await world.containers('web-n')).toMatchObject([{ id: container?.id, state: 'CONTAINER_RUNNING' }]);
    expect((await world.get('web-n'))?.status.containerStatuses?.[0]).toMatchObject({ restartCount: 0, ready: true });
    world.dispatcher?.removeStatic(pod);
    await world.until(async () => (await world.get('web-n')) === undefined && (await world.containers()).length === 0);
  });

  describe('resources that change while a pod runs', () => {
    const asks = (cpu: string, more: Partial<Container> = {}) =>
      app('app', { resources: { requests: { cpu } }, ...more });
    const begin = async (container: Container) => {
      const world = await running({ containers: [container] });
      const updates: number[] = [];
      const { UpdateContainerResources } = world.cri.runtime;
      world.cri.runtime.UpdateContainerResources = (request) => {
        updates.push(request.linux?.cpuShares ?? 0);
        return UpdateContainerResources(request);
      };
      await world.until(async () => (await world.get('p'))?.status.phase === 'Running');
      const ask = (cpu: string, name = 'p') =>
        world.client.patch(
          pods,
          { namespace: 'default', name },
          {
            ...{ type: 'merge', body: { spec: { containers: [{ ...container, resources: { requests: { cpu } } }] } } },
          },
        );
      const status = async () => (await world.get('p'))?.status;
      const has = async () => (await status())?.containerStatuses?.[0]?.resources?.requests?.['cpu'];
      const condition = async (type: string) => (await status())?.conditions?.find((one) => one.type === type);
      return { world, updates, ask, status, has, condition };
    };

    it('change in place', async () => {
      const { world, updates, ask, status, has, condition } = await begin(asks('1'));
      expect(await has()).toBe('1');
      await ask('2');
      await world.until(async () => (await has()) === '2');
      expect(updates).toEqual([2048]);
      expect((await status())?.containerStatuses?.[0]).toMatchObject({
        restartCount: 0,
        allocatedResources: { cpu: '2' },
      });
      await world.until(async () => (await condition('PodResizeInProgress')) === undefined);
    });

    it('change with a restart where the container wants it so', async () => {
      const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' as const }];
      const { world, updates, ask, status, has } = await begin(asks('1', { resizePolicy }));
      await ask('2');
      await world.until(
        async () => (await has()) === '2' && (await status())?.containerStatuses?.[0]?.restartCount === 1,
      );
      expect(updates).toEqual([]);
      await world.until(async () => (await status())?.containerStatuses?.[0]?.ready === true);
    });

    it('wait until there is room, through the death of the agent', async () => {
      const { world, ask, has, condition } = await begin(asks('1'));
      await world.create('other', { containers: [asks('60')] });
      await world.until(async () => (await world.get('other'))?.status.phase === 'Running');
      await ask('32');
      await world.until(async () => (await condition('PodResizePending'))?.reason === 'Deferred');
      expect((await condition('PodResizePending'))?.message).toContain(
        "Node didn't have enough resource: cpu, requested: 32000",
      );
      world.kill();
      world.start();
      await world.clock.advance(5000);
      expect([await has(), (await condition('PodResizePending'))?.reason]).toEqual(['1', 'Deferred']);
      await world.client.delete(pods, { namespace: 'default', name: 'other' });
      await world.until(async () => (await has()) === '32');
      await world.until(async () => (await condition('PodResizePending')) === undefined);
    });

    it('stay as they are when the node never has as much', async () => {
      const { world, updates, ask, has, condition } = await begin(asks('1'));
      await ask('100');
      await world.until(async () => (await condition('PodResizePending'))?.reason === 'Infeasible');
      expect([await has(), updates]).toEqual(['1', []]);
      await ask('1');
      await world.until(async () => (await condition('PodResizePending')) === undefined);
    });

    it('of the pod as a whole change in place, and wait as those of its containers', async () => {
      const world = new World(1);
      const changes: unknown[] = [];
      world.hooks.push({
        name: 'cgroup',
        async resize(before, after, change) {
          changes.push([before, after].map(({ spec }) => spec.resources?.requests?.['cpu']));
          await change();
        },
      });
      world.start();
      await world.create('p', { resources: { requests: { cpu: '2' }, limits: { cpu: '4' } }, containers: [app()] });
      await world.until(async () => isReady(await world.get('p')));
      const ask = (cpu: string) => {
        const body = { spec: { resources: { requests: { cpu } } } };
        return world.client.patch(pods, { namespace: 'default', name: 'p' }, { type: 'merge', body });
      };
      const has = async () => {
        const { allocatedResources, resources, containerStatuses } = (await world.get('p'))?.status ?? {};
        return [allocatedResources, resources, containerStatuses?.[0]?.restartCount];
      };
      const those = (cpu: string) => [{ cpu }, { requests: { cpu }, limits: { cpu: '4' } }, 0];
      expect(await has()).toEqual(those('2'));
      await ask('3');
      await world.until(() => changes.length > 0);
      await world.clock.advance(1000);
      expect([changes, await has()]).toEqual([[['2', '3']], those('3')]);
      await ask('100');
      await world.clock.advance(1000);
      world.kill();
      world.start();
      await world.clock.advance(5000);
      const pending = (await world.get('p'))?.status.conditions?.find(({ type }) => type === 'PodResizePending');
      expect([changes.length, await has(), pending?.reason]).toEqual([1, those('3'), 'Infeasible']);
    });

    it('are tried again when the runtime refuses', async () => {
      const { world, ask, has, condition } = await begin(asks('1'));
      const { UpdateContainerResources } = world.cri.runtime;
      world.cri.runtime.UpdateContainerResources = async () => {
        throw new Error('device or resource busy');
      };
      await ask('2');
      await world.until(async () => (await condition('PodResizeInProgress'))?.reason === 'Error');
      world.cri.runtime.UpdateContainerResources = UpdateContainerResources;
      await world.until(async () => (await has()) === '2');
    });
  });

  it('ends a pod that the node has to do without, and says so', async () => {
    const world = await running(
      { containers: [app()], terminationGracePeriodSeconds: 600 },
      { app: { onTerm: 'ignore' } },
    );
    await world.until(async () => (await world.get('p'))?.status.phase === 'Running');
    const { uid = '' } = (await world.get('p'))?.metadata ?? {};
    world.dispatcher?.evict(uid, { reason: 'Evicted', message: 'low', graceSeconds: 1 });
    await world.until(async () => (await world.get('p'))?.status.phase === 'Failed', 5_000);
    const status = (await world.get('p'))?.status;
    expect(status).toMatchObject({ reason: 'Evicted', message: 'low' });
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'TerminationByKubelet',
        message: 'low',
      }),
    );
    await world.until(async () => (await world.containers('p')).every(({ state }) => state === 'CONTAINER_EXITED'));
  });

  it('keeps only the last container of a name when the disk is short', async () => {
    const world = await running({ containers: [app()] }, { app: { exit: { afterMs: 100, code: 3 } } });
    await world.until(async () => (await world.containers('p')).length === 2);
    world.dispatcher?.collectGarbage();
    await world.until(async () => (await world.containers('p')).length === 1);
  });

  it('runs init containers in order, sidecars beside, and ends sidecars last', async () => {
    const spec: PodSpec = {
      restartPolicy: 'Never',
      initContainers: [app('init-1'), app('sidecar', { restartPolicy: 'Always' }), app('init-2')],
      containers: [app()],
    };
    const ended = { exit: { afterMs: 100, code: 0 } };
    const world = await running(spec, { 'init-1': ended, 'init-2': ended, app: { exit: { afterMs: 500, code: 0 } } });
    const order: string[] = [];
    world.cri.subscribe({
      event: ({ type, id }) => {
        if (type !== 'start' && type !== 'exit') return;
        void world.cri.runtime.ContainerStatus({ containerId: id }).then(
          ({ status }) => order.push(`${type} ${status?.labels?.[containerNameLabel]}`),
          () => undefined,
        );
      },
      end: () => undefined,
    });
    await world.until(async () => (await world.get('p'))?.status.phase === 'Succeeded');
    expect(order).toEqual([
      'start init-1',
      'exit init-1',
      'start sidecar',
      'start init-2',
      'exit init-2',
      'start app',
      'exit app',
      'exit sidecar',
    ]);
    expect(world.violations).toEqual([]);
  });

  it('fails a pod whose init container fails for good', async () => {
    const world = await running(
      { restartPolicy: 'Never', initContainers: [app('init')], containers: [app()] },
      { init: { exit: { afterMs: 10, code: 9 } } },
    );
    await world.until(async () => (await world.get('p'))?.status.phase === 'Failed');
    const names = (await world.containers('p')).map(({ labels }) => labels?.[containerNameLabel]);
    expect(names).toEqual(['init']);
  });

  it('says why an image does not come, and starts when it does', async () => {
    const world = await running({ containers: [app('app', { image: 'broken:1', imagePullPolicy: 'Always' })] });
    const waiting = async () => (await world.get('p'))?.status.containerStatuses?.[0]?.state?.waiting?.reason;
    await world.until(async () => (await waiting()) === 'ErrImagePull');
    await world.until(async () => (await waiting()) === 'ImagePullBackOff');
    expect((await world.get('p'))?.status.phase).toBe('Pending');
    await world.create('never', { containers: [app('app', { image: 'app:1', imagePullPolicy: 'Never' })] });
    await world.until(
      async () =>
        (await world.get('never'))?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImageNeverPull',
    );
  });

  it('restarts a container that fails its liveness probe, and holds traffic back until ready', async () => {
    let isHealthy = true;
    let isReadyNow = false;
    const exec = ([word]: readonly string[]) => ({
      exitCode: word === 'live' ? Number(!isHealthy) : Number(!isReadyNow),
    });
    const probe = (word: string) => ({ exec: { command: [word] }, periodSeconds: 1, failureThreshold: 2 });
    const container = app('app', { livenessProbe: probe('live'), readinessProbe: probe('ready') });
    const world = await running({ containers: [container], terminationGracePeriodSeconds: 1 }, { app: { exec } });
    await world.until(async () => (await world.get('p'))?.status.phase === 'Running');
    await world.clock.advance(5000);
    expect(isReady(await world.get('p'))).toBe(false);
    isReadyNow = true;
    await world.until(async () => isReady(await world.get('p')), 3000);
    isHealthy = false;
    await world.until(async () => (await world.get('p'))?.status.containerStatuses?.[0]?.restartCount === 1, 20_000);
  });

  it('gives up after activeDeadlineSeconds', async () => {
    const world = await running({ containers: [app()], activeDeadlineSeconds: 20, terminationGracePeriodSeconds: 1 });
    await world.until(async () => (await world.get('p'))?.status.phase === 'Failed');
    expect((await world.get('p'))?.status).toMatchObject({ reason: 'DeadlineExceeded' });
    expect((await world.containers('p')).every(({ state }) => state === 'CONTAINER_EXITED')).toBe(true);
  });

  it('rejects what does not fit', async () => {
    const world = await running({ containers: [app('app', { resources: { requests: { cpu: '65' } } })] });
    await world.until(async () => (await world.get('p'))?.status.phase === 'Failed');
    expect((await world.get('p'))?.status.reason).toBe('OutOfcpu');
    expect(await world.containers()).toEqual([]);
  });

  it('replaces a dead sandbox and starts its containers again', async () => {
    const world = await running({ containers: [app()], terminationGracePeriodSeconds: 1 });
    await world.until(async () => isReady(await world.get('p')));
    const [sandbox] = (await world.cri.runtime.ListPodSandbox({})).items ?? [];
    world.cri.exitSandbox(sandbox?.id ?? '');
    await world.until(async () => (await world.get('p'))?.status.containerStatuses?.[0]?.restartCount === 1);
    await world.until(async () => isReady(await world.get('p')));
    expect((await world.get('p'))?.status.podIP).toBe('10.244.0.3');
    expect(world.violations).toEqual([]);
  });
});

describe('a restarted agent', () => {
  it('finds its pods again and leaves them alone', async () => {
    const world = await running({ containers: [app('app-1'), app('app-2')] });
    await world.until(async () => isReady(await world.get('p')));
    const before = (await world.containers()).map(({ id }) => id);
    const { resourceVersion } = (await world.get('p'))?.metadata ?? {};
    world.kill();
    await world.clock.advance(3000);
    world.start();
    await world.clock.advance(10_000);
    expect((await world.containers()).map(({ id }) => id)).toEqual(before);
    expect((await world.get('p'))?.metadata.resourceVersion).toBe(resourceVersion);
  });

  it('starts anew what its own end interrupted, and counts no restart', async () => {
    const interrupted = { app: { startError: 'context canceled' } };
    const world = await running({ containers: [app()], restartPolicy: 'Never' }, interrupted);
    const { StartContainer } = world.cri.runtime;
    let isKilled = false;
    world.cri.runtime.StartContainer = (request) => {
      // Nobody hears of the failure.
      world.kill();
      isKilled = true;
      return StartContainer(request);
    };
    await world.until(() => isKilled);
    await world.clock.advance(500);
    expect((await world.containers('p')).map(({ state }) => state)).toEqual(['CONTAINER_EXITED']);
    world.cri.runtime.StartContainer = StartContainer;
    world.behaviors.clear();
    world.start();
    await world.until(async () => isReady(await world.get('p')));
    expect((await world.get('p'))?.status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{ restartCount: 0, lastState: {} }],
    });
  });

  it('goes on counting restarts and takes down what was deleted meanwhile', async () => {
    const world = await running({ containers: [app()] });
    await world.create('gone', { containers: [app('other')] });
    await world.until(async () => isReady(await world.get('p')) && isReady(await world.get('gone')));
    const own = async () => (await world.get('p'))?.status.containerStatuses?.[0];
    const end = async () => world.cri.exit((await own())?.containerID?.split('//')[1] ?? '', 1);
    await end();
    await world.until(async () => (await own())?.restartCount === 1 && isReady(await world.get('p')));
    world.kill();
    await world.clock.advance(500);
    await end();
    await world.client.delete(pods, { namespace: 'default', name: 'gone' }, { gracePeriodSeconds: 0 });
    world.start();
    await world.until(async () => (await world.containers('gone')).length === 0);
    await world.until(async () => ((await own())?.restartCount ?? 0) > 1);
    expect((await own())?.restartCount).toBe(2);
  });
});

describe('pods under random faults', () => {
  const policies = ['Always', 'OnFailure', 'Never'] as const;

  function randomSpec(world: World, name: string): PodSpec {
    const { rng } = world;
    const pick = <T>(values: readonly T[]): T => values[Math.floor(rng.next() * values.length)] as T;
    const behave = (container: string, behavior: ContainerBehavior) => world.behaviors.set(container, behavior);
    const hasInit = rng.next() < 0.5;
    const hasSidecar = rng.next() < 0.3;
    const restartPolicy = pick(policies);
    /** Some containers may have all of the pod restarted. */
    const ruled = (policy: string, codes = [0, 1, 137, 143]) => {
      if (rng.next() < 0.7) return {};
      const action = rng.next() < 0.7 ? 'RestartAllContainers' : 'Restart';
      return {
        restartPolicy: policy,
        restartPolicyRules: [{ action, exitCodes: { operator: 'In', values: [pick(codes)] } }],
      };
    };
    const names = [`app-${name}-1`, ...(rng.next() < 0.5 ? [`app-${name}-2`] : [])];
    behave(`init-${name}`, { exit: { afterMs: 50 + rng.next() * 500, code: rng.next() < 0.2 ? 1 : 0 } });
    for (const container of names) {
      if (rng.next() < 0.4) behave(container, { exit: { afterMs: rng.next() * 20_000, code: pick([0, 1, 137]) } });
      else if (rng.next() < 0.2) behave(container, { onTerm: 'ignore' });
    }
    const sidecar = `side-${name}`;
    if (rng.next() < 0.5) behave(sidecar, { exit: { afterMs: rng.next() * 20_000, code: pick([0, 1]) } });
    const init = [
      ...(hasSidecar ? [app(sidecar, { ...ruled('Always'), restartPolicy: 'Always' })] : []),
      ...(hasInit
        ? [app(`init-${name}`, { image: pick(['here:1', 'app:1']), ...ruled(pick(['OnFailure', 'Never']), [1, 137]) })]
        : []),
    ];
    return {
      restartPolicy,
      terminationGracePeriodSeconds: 1 + Math.floor(rng.next() * 5),
      ...(init.length > 0 ? { initContainers: init } : {}),
      containers: names.map((container) =>
        app(container, { image: pick(['here:1', 'app:1']), ...ruled(restartPolicy) }),
      ),
    } as PodSpec;
  }

  async function fault(world: World): Promise<void> {
    const chance = world.rng.next();
    const alive = (await world.containers().catch(() => [])).filter(({ state }) => state === 'CONTAINER_RUNNING');
    const victim = alive[Math.floor(world.rng.next() * alive.length)];
    if (chance < 0.4 && victim) world.cri.exit(victim.id ?? '', world.rng.next() < 0.5 ? 0 : 1);
    else if (chance < 0.55 && victim) world.cri.exitSandbox(victim.podSandboxId ?? '');
    else if (chance < 0.7) {
      world.cri.disconnect();
      await world.clock.advance(world.rng.next() * 3000);
      world.cri.reconnect();
    } else if (chance < 0.85) {
      world.kill();
      await world.clock.advance(world.rng.next() * 2000);
      world.start();
    } else {
      const items = (await world.client.list(pods)).items;
      const pod = items[Math.floor(world.rng.next() * items.length)];
      const options = world.rng.next() < 0.3 ? { gracePeriodSeconds: 0 } : undefined;
      if (pod)
        await world.client
          .delete(pods, { namespace: 'default', name: pod.metadata.name }, options)
          .catch(() => undefined);
    }
  }

  /** Statuses as a watcher sees them: restart counts never fall, an ended pod stays ended. */
  function watchStatuses(world: World): void {
    const last = new Map<string, Pod>();
    world.client.watch(
      pods,
      {},
      {
        events(batch) {
          for (const { object } of batch) {
            const uid = object.metadata.uid ?? '';
            const before = last.get(uid)?.status;
            last.set(uid, object);
            const isOver = before?.phase === 'Succeeded' || before?.phase === 'Failed';
            if (isOver && object.status?.phase !== before?.phase)
              world.violations.push(`phase ${before?.phase} -> ${object.status?.phase}`);
            const isRestarting = before?.conditions?.some(
              (c) => c.type === 'AllContainersRestarting' && c.status === 'True',
            );
            const isEnd = object.status?.phase === 'Succeeded' || object.status?.phase === 'Failed';
            if (isRestarting && isEnd && !object.metadata.deletionTimestamp)
              world.violations.push(`${object.status?.phase} while all containers restart`);
            const all = (status?: Pod['status']) => [
              ...(status?.initContainerStatuses ?? []),
              ...(status?.containerStatuses ?? []),
            ];
            for (const old of all(before)) {
              const now = all(object.status).find(({ name }) => name === old.name);
              if (now && now.restartCount < old.restartCount)
                world.violations.push(`${old.name}: restarts ${old.restartCount} -> ${now.restartCount}`);
            }
          }
        },
        end: () => undefined,
      },
    );
  }

  it.each(Array.from({ length: 25 }, (_, seed) => seed))(
    'seed %i keeps its promises',
    async (seed) => {
      const world = new World(seed);
      watchStatuses(world);
      world.start();
      for (let round = 0; round < 25; round++) {
        if (world.rng.next() < 0.4) await world.create(`p${round}`, randomSpec(world, `${round}`));
        await world.clock.advance(world.rng.next() * 3000);
        await fault(world);
      }
      // Left in peace, everything that should run runs; the longest back-off is five minutes.
      for (const name of world.behaviors.keys()) if (!name.startsWith('init')) world.behaviors.set(name, {});
      for (const name of world.behaviors.keys())
        if (name.startsWith('init')) world.behaviors.set(name, { exit: { afterMs: 50, code: 0 } });
      const isAtRest = ({ status, spec }: Pod) => {
        const waits = status?.containerStatuses?.some(({ state }) => state?.waiting !== undefined) ?? true;
        return (
          ['Succeeded', 'Failed'].includes(status?.phase ?? '') ||
          (!waits && (spec.restartPolicy !== 'Always' || isReady({ status } as Pod)))
        );
      };
      const isSettled = async () => (await world.client.list(pods)).items.every(isAtRest);
      await world.clock.advance(30_000);
      await world.until(isSettled, 1_200_000);
      for (const { metadata } of (await world.client.list(pods)).items) {
        await world.client.delete(pods, { namespace: 'default', name: metadata.name });
      }
      await world.until(async () => (await world.client.list(pods)).items.length === 0);
      await world.until(async () => ((await world.cri.runtime.ListPodSandbox({})).items ?? []).length === 0);
      expect(await world.containers()).toEqual([]);
      expect(world.violations).toEqual([]);
    },
    60_000,
  );
});
