import { afterEach, describe, expect, it } from 'vitest';
import { events, jobs, nodes, pods } from '../../api/generated/resources.ts';
import type { Container, Pod } from '../../api/generated/types.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import type { Client } from '../../client/client.ts';
import { createClient } from '../../client/typed-client.ts';
import { settle } from '../settle.ts';
import { World } from '../world.ts';
import { type Behaviour, behaviourAnnotation } from './behaviour.ts';
import { builtInBehaviours } from './behaviours.ts';
import { chooseBehaviour } from './choose-behaviour.ts';

let world: World;
let client: Client;
async function start(behaviours: readonly Behaviour[] = []): Promise<void> {
  const clock = new VirtualClock();
  world = await World.start({ machineClock: realClock, log: silentLog }, { seed: 1, clock, behaviours });
  client = createClient(world.plane.switchboard.transportFor({ name: 'admin', groups: ['system:masters'] }, 'test'));
  await world.nodes.add(1);
  await clock.advance(0);
}
afterEach(async () => {
  await world.stop();
});

const key = { namespace: 'default', name: 'p' };
async function run(behaviour: string | undefined, spec: Partial<Pod['spec']> & { main?: Partial<Container> } = {}) {
  const { main, ...rest } = spec;
  const annotations = behaviour ? { [behaviourAnnotation]: behaviour } : {};
  const containers = [{ name: 'main', image: 'app:1', ...main }];
  await client.create(pods, { metadata: { ...key, annotations }, spec: { containers, ...rest } } as never);
  await world.clock.advance(0);
}
const pod = () => client.get(pods, key);
const main = async () => (await pod()).status?.containerStatuses?.[0];
const condition = async (type: string) => (await pod()).status?.conditions?.find((c) => c.type === type)?.status;
const reasons = async () => (await client.list(events)).items.map(({ reason }) => reason);

describe('hollow nodes', () => {
  it('say that they are hollow, and nothing of them is more than a node may do', async () => {
    await start();
    const node = await client.get(nodes, { name: 'node-1' });
    expect(node.metadata.labels?.['knarr.dev/hollow']).toBe('true');
    expect(node.status?.nodeInfo?.containerRuntimeVersion).toBe('hollow://1');
    expect(node.metadata.managedFields?.some(({ manager }) => manager === 'node-1')).toBe(true);
  });

  it('run, stop and forget a pod', async () => {
    await start();
    await run(undefined, { terminationGracePeriodSeconds: 5 });
    expect((await pod()).status).toMatchObject({ phase: 'Running', hostIP: '172.16.0.1', podIP: '10.128.0.2' });
    expect(await main()).toMatchObject({ ready: true, started: true, restartCount: 0, imageID: 'hollow://app:1' });
    await client.delete(pods, key);
    await world.clock.advance(0);
    await expect(pod()).rejects.toMatchObject({ reason: 'NotFound' });
    expect(world.nodes.snapshot().places[0]?.left).toEqual([]);
  });

  it('refuse what does not fit, in the words of a kubelet', async () => {
    await start();
    await run(undefined, { nodeName: 'node-1', main: { resources: { requests: { cpu: '64' } } } });
    await world.clock.advance(500);
    expect((await pod()).status).toMatchObject({ phase: 'Failed', reason: 'OutOfcpu' });
  });

  it('come back with what they ran, or without', async () => {
    await start();
    await run(undefined);
    const { containerID } = (await main()) ?? {};
    world.nodes.stop('node-1');
    await world.nodes.start('node-1');
    await settle(world.clock, { withinMs: 30_000, limitMs: 60_000 });
    expect(await main()).toMatchObject({ containerID, restartCount: 0, ready: true });
    world.nodes.stop('node-1', { loses: true });
    await world.nodes.start('node-1');
    await settle(world.clock, { withinMs: 30_000, limitMs: 60_000 });
    expect(await main()).toMatchObject({ restartCount: 1, ready: true, state: { running: {} } });
  });

  it('let go of a pod that was deleted while they were away', async () => {
    await start();
    await run(undefined);
    world.nodes.stop('node-1');
    await client.delete(pods, key, { gracePeriodSeconds: 0 });
    await world.nodes.start('node-1');
    await world.clock.advance(0);
    expect(world.nodes.snapshot().places[0]?.left).toEqual([]);
  });
});

describe('behaviours', () => {
  it('crash-loop: the kubelet back-off, doubling from 10 s', async () => {
    await start();
    await run('crash-loop');
    await world.clock.advance(6000);
    expect(await main()).toMatchObject({ restartCount: 1 });
    await world.clock.advance(14_000);
    expect((await main())?.lastState?.terminated).toMatchObject({ exitCode: 1, message: 'panic: hollow' });
    await world.clock.advance(600_000);
    const { restartCount = 0, state } = (await main()) ?? {};
    expect(restartCount).toBeGreaterThanOrEqual(6);
    expect(restartCount).toBeLessThanOrEqual(8);
    expect(state?.waiting?.reason ?? 'running').toMatch(/CrashLoopBackOff|running/);
    expect(await reasons()).toContain('BackOff');
  });

  it('oom: 137 and OOMKilled', async () => {
    await start();
    await run('oom', { restartPolicy: 'Never' });
    await world.clock.advance(21_000);
    expect((await pod()).status?.phase).toBe('Failed');
    expect((await main())?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  it('image-pull-failure: ErrImagePull, then ImagePullBackOff, for ever', async () => {
    await start();
    await run('image-pull-failure');
    await world.clock.advance(1000);
    expect((await main())?.state?.waiting?.reason).toBe('ErrImagePull');
    await world.clock.advance(1000);
    expect((await main())?.state?.waiting).toMatchObject({
      reason: 'ImagePullBackOff',
      message: expect.stringContaining('Back-off pulling image "app:1"'),
    });
    await world.clock.advance(3_600_000);
    expect((await pod()).status?.phase).toBe('Pending');
  });

  it('slow-ready and flapping: readiness without a probe in the spec, and the spec stays as it was', async () => {
    await start();
    await run('slow-ready');
    expect([await condition('Ready'), (await main())?.started]).toEqual(['False', true]);
    await world.clock.advance(40_000);
    expect(await condition('Ready')).toBe('True');
    expect((await pod()).spec.containers[0]?.readinessProbe).toBeUndefined();
    await client.delete(pods, key, { gracePeriodSeconds: 0 });
    await run('flapping');
    expect(await condition('Ready')).toBe('True');
    await world.clock.advance(30_000);
    expect(await condition('Ready')).toBe('False');
    await world.clock.advance(10_000);
    expect(await condition('Ready')).toBe('True');
  });

  it('slow-start: pull, start and startup probe each take their time', async () => {
    await start();
    await run('slow-start', { main: { startupProbe: { exec: { command: ['x'] } } } });
    expect((await pod()).status?.phase).toBe('Pending');
    await world.clock.advance(22_000);
    expect(await main()).toMatchObject({ started: false, state: { running: {} } });
    await world.clock.advance(10_000);
    expect(await main()).toMatchObject({ started: true, ready: true });
  });

  it('stubborn: a deletion takes the whole grace period', async () => {
    await start();
    await run('stubborn', { terminationGracePeriodSeconds: 20 });
    await client.delete(pods, key);
    await world.clock.advance(19_999);
    expect((await pod()).metadata.deletionTimestamp).toBeDefined();
    await world.clock.advance(1);
    await expect(pod()).rejects.toMatchObject({ reason: 'NotFound' });
  });

  it('crash-once, and a liveness probe that fails: restarted once, then steady', async () => {
    await start([{ name: 'sick-once', unhealthy: { after: '5s', times: 1 } }]);
    await run('crash-once');
    await world.clock.advance(60_000);
    expect(await main()).toMatchObject({ restartCount: 1, ready: true });
    await client.delete(pods, key, { gracePeriodSeconds: 0 });
    await run('sick-once', { main: { livenessProbe: { exec: { command: ['x'] } } } });
    await world.clock.advance(60_000);
    expect(await main()).toMatchObject({ restartCount: 1, ready: true });
    expect(await reasons()).toContain('Unhealthy');
  });

  it('start failures: RunContainerError, then up', async () => {
    await start([{ name: 'hard-to-start', start: { fails: 2, message: 'no such file' } }]);
    await run('hard-to-start');
    expect((await main())?.lastState?.terminated).toMatchObject({ reason: 'StartError', message: 'no such file' });
    await world.clock.advance(60_000);
    expect(await main()).toMatchObject({ restartCount: 2, ready: true });
  });

  it('init containers and sidecars go as the kubelet lets them', async () => {
    await start();
    const initContainers = [
      { name: 'side', image: 'side', restartPolicy: 'Always' },
      { name: 'init', image: 'init' },
    ];
    await run(undefined, { initContainers } as never);
    const { status } = await pod();
    expect(status?.initContainerStatuses?.map(({ state }) => Object.keys(state ?? {}))).toEqual([
      ['running'],
      ['terminated'],
    ]);
    expect(status?.phase).toBe('Running');
  });

  it('the pods of a Job end by themselves', async () => {
    await start();
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'job' }] } };
    const metadata = { name: 'j', namespace: 'default' };
    await client.create(jobs, { metadata, spec: { completions: 3, parallelism: 2, template } } as never);
    await settle(world.clock, { withinMs: 30_000, limitMs: 60_000 });
    expect((await client.get(jobs, metadata)).status).toMatchObject({ succeeded: 3 });
  });

  it('a name that is unknown leaves the pod pending and says so', async () => {
    await start();
    await run('no-such');
    await world.clock.advance(100);
    expect((await pod()).status?.phase).toBe('Pending');
    const said = (await client.list(events)).items.find(({ reason }) => reason === 'UnknownBehaviour');
    expect(said?.message).toContain('asks for behaviour no-such: there is none');
  });

  it('are chosen by name, else by the first that matches', async () => {
    await start();
    const container = { name: 'main', image: 'registry/app:1.2' };
    const of = (pattern: Behaviour['for']) =>
      chooseBehaviour(
        [{ name: 'x', for: pattern }],
        {
          metadata: { name: 'web-1', namespace: 'team', labels: { a: 'b' } },
          spec: { containers: [container] },
        } as unknown as Pod,
        { container, role: 'app' },
      ).name;
    expect(of({ image: 'registry/*' })).toBe('x');
    expect(of({ image: '*app:*', pod: 'web-*', labels: { a: 'b' }, namespace: 'team' })).toBe('x');
    expect(of({ image: 'app' })).toBe('steady');
    expect(of({ pod: 'web-1*1' })).toBe('steady');
    expect(of({ owner: 'Job' })).toBe('steady');
    expect(of({ labels: { a: 'c' } })).toBe('steady');
    expect(new Set(builtInBehaviours.map(({ name }) => name)).size).toBe(builtInBehaviours.length);
  });
});
