import { afterEach, beforeEach, expect, it } from 'vitest';
import { configmaps, deployments, pods } from '../api/generated/resources.ts';
import { realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Client, WatchEvent } from '../client/client.ts';
import { createClient } from '../client/typed-client.ts';
import { settle } from './settle.ts';
import { World } from './world.ts';

let world: World;
let client: Client;
/** A client that faults are for. */
let victim: Client;
const admin = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
beforeEach(async () => {
  const clock = new VirtualClock();
  world = await World.start({ machineClock: realClock, log: silentLog }, { seed: 1, clock });
  client = createClient(world.plane.switchboard.transportFor(admin, 'test'));
  victim = world.plane.clientFor(admin, 'victim');
  await world.nodes.add(2);
  await clock.advance(0);
});
afterEach(async () => {
  await world.stop();
});

const named = (name: string) => ({ metadata: { name, namespace: 'default' } });
const rest = () => settle(world.clock, { withinMs: 30_000, limitMs: 3_600_000 });

function watchNames(from: Client): { seen: string[]; ends: unknown[] } {
  const seen: string[] = [];
  const ends: unknown[] = [];
  const events = (batch: WatchEvent[]) => {
    for (const { type, object } of batch) if (type === 'ADDED') seen.push(object.metadata.name);
  };
  from.watch(configmaps, { namespace: 'kube-public' }, { events, end: (error) => ends.push(error) });
  return { seen, ends };
}
const publish = (name: string) => client.create(configmaps, { metadata: { name, namespace: 'kube-public' } });

it('refuses the calls it is for, as often as told, and no others', async () => {
  const fault = world.faults.inject({ client: 'victim', verb: 'create', fail: 'ServiceUnavailable', times: 2 });
  await client.create(configmaps, named('a'));
  await expect(victim.create(configmaps, named('b'))).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  expect((await victim.get(configmaps, named('a').metadata)).metadata.name).toBe('a');
  await expect(victim.create(configmaps, named('b'))).rejects.toMatchObject({ code: 503 });
  await victim.create(configmaps, named('b'));
  expect(fault.hits).toBe(2);
});

it('loses an answer after the work was done', async () => {
  world.faults.inject({ client: 'victim', fail: 'Timeout', afterwards: true, times: 1 });
  await expect(victim.create(configmaps, named('a'))).rejects.toMatchObject({ reason: 'Timeout' });
  expect((await client.get(configmaps, named('a').metadata)).metadata.name).toBe('a');
});

it('makes calls slow', async () => {
  world.faults.inject({ client: 'victim', resource: 'configmaps', slow: '3s' });
  let isDone = false;
  void victim.create(configmaps, named('a')).then(() => {
    isDone = true;
  });
  await world.clock.advance(2999);
  expect(isDone).toBe(false);
  await world.clock.advance(1);
  expect(isDone).toBe(true);
});

it('delays what watches bring, in order, and loses them', async () => {
  const { seen, ends } = watchNames(victim);
  await world.clock.advance(0);
  const before = seen.length;
  const stale = world.faults.inject({ client: 'victim', stale: '10s' });
  await publish('one');
  await world.clock.advance(5000);
  stale.stop();
  await publish('two');
  await world.clock.advance(4999);
  expect(seen.slice(before)).toEqual([]);
  await world.clock.advance(1);
  expect(seen.slice(before)).toEqual(['one', 'two']);
  world.faults.inject({ client: 'victim', loseWatch: 'expired', times: 1 });
  await publish('three');
  await world.clock.advance(0);
  expect(seen.slice(before)).toEqual(['one', 'two']);
  expect(ends).toMatchObject([{ reason: 'Expired' }]);
});

it('hits by chance, the same for the same seed', async () => {
  const fault = world.faults.inject({ client: 'victim', fail: 'TooManyRequests', chance: 0.3 });
  for (let i = 0; i < 100; i++) await victim.list(configmaps).catch(() => {});
  expect(fault.hits).toBeGreaterThan(15);
  expect(fault.hits).toBeLessThan(45);
});

it('is survived by controllers, scheduler and nodes: conflicts, lost answers, broken and stale watches', async () => {
  world.faults.inject({ fail: 'Conflict', verb: 'update', chance: 0.3, times: 100 });
  world.faults.inject({ fail: 'InternalError', verb: 'create', chance: 0.2, afterwards: true, times: 100 });
  world.faults.inject({ fail: 'ServiceUnavailable', chance: 0.1, times: 200 });
  world.faults.inject({ loseWatch: 'broken', chance: 0.1, times: 50 });
  world.faults.inject({ loseWatch: 'expired', chance: 0.05, times: 20 });
  world.faults.inject({ stale: '500ms', chance: 0.3, times: 500 });
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: 'web' }] } };
  const spec = { replicas: 6, selector: { matchLabels: { app: 'web' } }, template };
  await client.create(deployments, { ...named('web'), spec } as never);
  await rest();
  world.faults.stopAll();
  await rest();
  const running = (await client.list(pods)).items.filter(({ status }) => status?.phase === 'Running');
  expect(running).toHaveLength(6);
  expect((await client.get(deployments, named('web').metadata)).status).toMatchObject({ readyReplicas: 6 });
});
