import { afterEach, describe, expect, it } from 'vitest';
import { nodes, podgroups, pods } from '../api/generated/resources.ts';
import { StatusError } from '../api/meta/status-error.ts';
import { silentLog } from '../base/log.ts';
import { type Rng, seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport } from '../client/fake.ts';
import { createClient } from '../client/typed-client.ts';
import { PermitBarrier } from './permit-barrier.ts';
import { type Scheduler, startScheduler } from './scheduler.ts';

const started: Scheduler[] = [];
afterEach(() => {
  for (const scheduler of started.splice(0)) scheduler.stop();
});

function setUp(seed = 7) {
  const clock = new VirtualClock();
  const rng = seededRng(seed);
  const transport = new FakeTransport({ clock, rng });
  const client = createClient(transport);
  started.push(startScheduler({ client, clock, rng, log: silentLog }));
  const addNode = async (name: string, cpu: number) => {
    const node = await client.create(nodes, { metadata: { name } });
    const allocatable = { cpu: String(cpu), memory: '1Gi', pods: '10' };
    return client.update(nodes, { ...node, status: { allocatable } }, { subresource: 'status' });
  };
  const addGroup = (name: string, minCount: number) =>
    client.create(podgroups, {
      metadata: { name, namespace: 'ns' },
      spec: { schedulingPolicy: { gang: { minCount } } },
      status: {},
    });
  const addPod = (name: string, podGroupName: string, cpu = 1) => {
    const containers = [{ name: 'c', resources: { requests: { cpu: String(cpu) } } }];
    const spec = { containers, schedulingGroup: { podGroupName } };
    return client.create(pods, { metadata: { name, namespace: 'ns' }, spec });
  };
  const bound = async () =>
    (await client.list(pods)).items.filter(({ spec }) => spec.nodeName).map(({ metadata }) => metadata.name);
  const conditionOf = async (name: string) =>
    (await client.get(podgroups, { namespace: 'ns', name })).status?.conditions?.[0];
  return { clock, rng, transport, client, addNode, addGroup, addPod, bound, conditionOf };
}

describe('gangs', () => {
  it('wait for their group and for as many pods as it wants', async () => {
    const { clock, addNode, addGroup, addPod, bound } = setUp();
    await addNode('a', 4);
    await addPod('g-1', 'g');
    await clock.advance(1000);
    expect(await bound()).toEqual([]);
    await addGroup('g', 2);
    await clock.advance(1000);
    expect(await bound()).toEqual([]);
    await addPod('g-2', 'g');
    await clock.advance(1000);
    expect(await bound()).toEqual(['g-1', 'g-2']);
    await addPod('g-3', 'g');
    await clock.advance(1000);
    expect(await bound()).toEqual(['g-1', 'g-2', 'g-3']);
  });

  it('get all of their nodes or none, and hold no room while they wait', async () => {
    const { clock, client, addNode, addGroup, addPod, bound, conditionOf } = setUp();
    await addNode('a', 2);
    await addGroup('g', 3);
    for (const name of ['g-1', 'g-2', 'g-3']) await addPod(name, 'g');
    await clock.advance(1000);
    expect(await bound()).toEqual([]);
    const message = 'minCount (3) cannot be satisfied: 2 scheduled, 0 remaining';
    expect(await conditionOf('g')).toMatchObject({
      type: 'PodGroupScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
    });
    const said = (await client.list(pods)).items.map(({ status }) => status.conditions?.[0]?.message);
    expect(said).toEqual([message, message, '0/1 nodes are available: 1 Insufficient cpu.']);
    await addGroup('small', 2);
    for (const name of ['s-1', 's-2']) await addPod(name, 'small');
    await clock.advance(1000);
    expect(await bound()).toEqual(['s-1', 's-2']);
    await addNode('b', 3);
    await clock.advance(20_000);
    expect((await bound()).sort()).toEqual(['g-1', 'g-2', 'g-3', 's-1', 's-2']);
    expect(await conditionOf('g')).toMatchObject({ status: 'True', reason: 'Scheduled' });
  });

  it('never stand with less than their minimum, whatever room there is and however pods come', async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const { clock, rng, client, addNode, addGroup, addPod } = setUp(seed);
      const upTo = (most: number, random: Rng = rng) => 1 + Math.floor(random.next() * most);
      const minimum = new Map<string, number>();
      for (let i = 0; i < 5; i++) {
        const min = upTo(4);
        minimum.set(`g${i}`, min);
        await addGroup(`g${i}`, min);
      }
      for (let step = 0; step < 30; step++) {
        if (rng.next() < 0.25) await addNode(`n${step}`, upTo(4));
        else await addPod(`p${step}`, `g${Math.floor(rng.next() * 5)}`, upTo(2));
        if (rng.next() < 0.5) await clock.advance(upTo(5000));
        const counts = new Map<string, number>();
        for (const { spec } of (await client.list(pods)).items) {
          const group = spec.schedulingGroup?.podGroupName;
          if (group && spec.nodeName) counts.set(group, (counts.get(group) ?? 0) + 1);
        }
        await clock.advance(50);
        for (const [group, count] of counts)
          expect(count, `seed ${seed}, step ${step}, ${group}`).toBeGreaterThanOrEqual(minimum.get(group) as number);
      }
      started.pop()?.stop();
    }
  });

  it('are not waited for where pod groups are not served: other pods are scheduled', async () => {
    const { clock, client, transport, addNode, bound } = setUp();
    transport.fail = (call) =>
      call.resource.resource === 'podgroups' ? StatusError.of('NotFound', 'no such resource') : undefined;
    await addNode('a', 4);
    await client.create(pods, { metadata: { name: 'p', namespace: 'ns' }, spec: { containers: [{ name: 'c' }] } });
    await clock.advance(1000);
    expect(await bound()).toEqual(['p']);
  });

  it('come again together when a binding is refused', async () => {
    const { clock, transport, addNode, addGroup, addPod, bound } = setUp();
    await addNode('a', 4);
    await addGroup('g', 2);
    let refused = 0;
    transport.fail = (call) =>
      call.subresource === 'binding' && refused++ < 2 ? StatusError.of('ServiceUnavailable', 'later') : undefined;
    await addPod('g-1', 'g');
    await addPod('g-2', 'g');
    await clock.advance(5000);
    expect([refused, await bound()]).toEqual([4, ['g-1', 'g-2']]);
  });
});

describe('PermitBarrier', () => {
  it('lets all through with the last, or none when one fails or time is up', async () => {
    const clock = new VirtualClock();
    const passed: string[] = [];
    const enter = (barrier: PermitBarrier, name: string) =>
      barrier.pass().then(
        () => passed.push(name),
        (error: Error) => passed.push(`${name}: ${error.message}`),
      );
    const barrier = new PermitBarrier(clock, 2);
    void enter(barrier, 'a');
    await clock.advance(60_000);
    expect(passed).toEqual([]);
    await enter(barrier, 'b');
    expect(passed).toEqual(['a', 'b']);
    const late = new PermitBarrier(clock, 2);
    void enter(late, 'c');
    await clock.advance(5 * 60_000);
    expect(passed.at(-1)).toBe('c: timed out waiting for minCount pods from a gang to be scheduled');
    const failing = new PermitBarrier(clock, 2);
    failing.fail(new Error('no volume'));
    await enter(failing, 'd');
    expect(passed.at(-1)).toBe('d: no volume');
  });
});
