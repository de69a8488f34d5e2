import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resourceclaims, resourceslices } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { FakeTransport } from '../../client/fake.ts';
import { createClient } from '../../client/typed-client.ts';
import { PodPaths } from '../pod-paths.ts';
import { PluginWatcher } from '../plugins/plugin-watcher.ts';
import { createDra, type Dra } from './dra.ts';
import { FakeDraDriver, type FakeDraDriverOptions } from './fake-dra-driver.ts';

const driverName = 'gpu.example.com';
let root = '';
const client = createClient(new FakeTransport({ clock: realClock, rng: seededRng(1) }));
const woken: string[] = [];
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dra-'));
  woken.length = 0;
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  for (const { metadata } of (await client.list(resourceclaims)).items)
    await client.delete(resourceclaims, { namespace: 'ns', name: metadata.name });
  await rm(root, { recursive: true, force: true });
});

async function agent(): Promise<Dra & { settled(): Promise<void> }> {
  const paths = new PodPaths(root);
  const deps = { client, clock: realClock, log: silentLog };
  const dra = await createDra({ ...deps, paths, nodeName: 'n1', wake: (uids) => void woken.push(...uids) });
  const watcher = new PluginWatcher({ ...deps, handlers: { DRAPlugin: dra.drivers } }, paths.pluginsRegistryDir);
  await watcher.start();
  ends.push(
    () => dra.drivers.stop(),
    () => watcher.stop(),
  );
  return { ...dra, settled: () => watcher.settled() };
}

async function driver(options: Partial<FakeDraDriverOptions> = {}): Promise<FakeDraDriver> {
  const give = () => [
    { device: { requestNames: ['main/small'], poolName: 'n1', deviceName: 'd0' }, edits: { env: ['A=1'] } },
    { device: { requestNames: ['other'], poolName: 'n1', deviceName: 'd1' }, edits: { env: ['B=2'] } },
  ];
  const made = new FakeDraDriver({ root, cdiFolder: join(root, 'cdi'), give, ...options });
  await made.start();
  ends.push(() => made.stop());
  return made;
}

async function claimFor(name: string, ...pods: string[]): Promise<string> {
  const made = await client.create(resourceclaims, { metadata: { name, namespace: 'ns' }, spec: {} });
  const results = [{ request: 'main/small', driver: driverName, pool: 'n1', device: 'd0' }];
  const reservedFor = pods.map((uid) => ({ resource: 'pods', name: uid, uid }));
  const status = { allocation: { devices: { results } }, reservedFor };
  await client.update(resourceclaims, { ...made, status }, { subresource: 'status' });
  return made.metadata.uid as string;
}

const container = (name: string, ...claims: object[]) => ({ name, image: 'i', resources: { claims } }) as never;
const pod = (uid: string, claim = 'c'): Pod =>
  ({
    metadata: { name: uid, namespace: 'ns', uid },
    spec: { containers: [], resourceClaims: [{ name: 'g', resourceClaimTemplateName: 't' }] },
    status: { resourceClaimStatuses: [{ name: 'g', resourceClaimName: claim }] },
  }) as never;
const given = async ({ devices }: Dra, of: Pod, ...claims: object[]) =>
  (await devices.extras({ pod: of, container: container('c', ...claims) })).flatMap(({ cdiDevices }) =>
    cdiDevices.map(({ name }) => name),
  );

describe('claimed devices', () => {
  it.each(['v1', 'v1beta1'] as const)('are made ready once, given to containers, and let go (%s)', async (version) => {
    const gpu = await driver({ version });
    const dra = await agent();
    await dra.settled();
    expect(gpu.answers).toEqual([{ pluginRegistered: true }]);
    const uid = await claimFor('c', 'p1', 'p2');
    for (const name of ['p1', 'p1', 'p2']) await dra.devices.prepare(pod(name));
    expect(gpu.calls).toEqual(['prepare c']);
    const ids = [`${driverName}/claim=${uid}-0`, `${driverName}/claim=${uid}-1`];
    expect(await given(dra, pod('p1'), { name: 'g' })).toEqual(ids);
    expect(await given(dra, pod('p1'), { name: 'g', request: 'main' })).toEqual(ids.slice(0, 1));
    expect(await given(dra, pod('p2'), { name: 'g', request: 'other' })).toEqual(ids.slice(1));
    expect(await given(dra, pod('p1'))).toEqual([]);
    await dra.devices.teardown(pod('p1'));
    expect(gpu.calls).toEqual(['prepare c']);
    await dra.devices.teardown(pod('p2'));
    await dra.devices.teardown(pod('p2'));
    expect(gpu.calls).toEqual(['prepare c', 'unprepare c']);
    expect(await readdir(new PodPaths(root).claimsDir)).toEqual([]);
  });

  it('come for extended resources, too: to the containers that asked for these', async () => {
    const gpu = await driver({
      give: () => ['main/small', 'other'].map((request) => ({ device: { requestNames: [request] }, edits: {} })),
    });
    const dra = await agent();
    await dra.settled();
    const uid = await claimFor('extended', 'p1');
    const mapping = { containerName: 'c', resourceName: 'example.com/gpu', requestName: 'other' };
    const asking = {
      ...pod('p1'),
      spec: { containers: [] },
      status: { extendedResourceClaimStatus: { resourceClaimName: 'extended', requestMappings: [mapping] } },
    } as unknown as Pod;
    await dra.devices.prepare(asking);
    expect(gpu.calls).toEqual(['prepare extended']);
    expect(await given(dra, asking)).toEqual([`${driverName}/claim=${uid}-1`]);
    const other = await dra.devices.extras({ pod: asking, container: container('other') });
    expect(other).toEqual([]);
  });

  it('wait for their driver, and for a claim that is the pod’s', async () => {
    const dra = await agent();
    await claimFor('c', 'p1');
    const failed = { reason: 'FailedPrepareDynamicResources' };
    await expect(dra.devices.prepare(pod('p1'))).rejects.toMatchObject({
      ...failed,
      message: `Failed to prepare dynamic resources: DRA driver ${driverName} is not registered`,
    });
    await expect(dra.devices.prepare(pod('stranger'))).rejects.toMatchObject({
      ...failed,
      message: expect.stringContaining('pod stranger (stranger) is not allowed to use ResourceClaim c'),
    });
    const unmade = { ...pod('p1'), status: {} } as Pod;
    await expect(dra.devices.prepare(unmade)).rejects.toMatchObject(failed);
    const gpu = await driver();
    while (gpu.answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(woken).toContain('p1');
    await dra.devices.prepare(pod('p1'));
    expect(gpu.calls).toEqual(['prepare c']);
  });

  it('are known to the next agent, also when the driver had not answered', async () => {
    let isBroken = true;
    const gpu = await driver({
      give: () => {
        if (isBroken) throw new Error('no power');
        return [];
      },
    });
    const first = await agent();
    await first.settled();
    await claimFor('c', 'p1');
    await expect(first.devices.prepare(pod('p1'))).rejects.toThrow(
      `NodePrepareResources: ns/c: driver ${driverName}: no power`,
    );
    const second = await agent();
    await second.settled();
    isBroken = false;
    await second.devices.prepare(pod('p1'));
    const third = await agent();
    await third.settled();
    await third.devices.prepare(pod('p1'));
    await third.devices.teardown(pod('p1'));
    expect(gpu.calls).toEqual(['prepare c', 'prepare c', 'unprepare c']);
  });

  it('of drivers that do not come back are offered no more', async () => {
    const clock = new VirtualClock();
    const own = createClient(new FakeTransport({ clock, rng: seededRng(1) }));
    const slice = (name: string, nodeName: string) =>
      own.create(resourceslices, {
        metadata: { name },
        spec: { driver: driverName, nodeName, pool: { name, generation: 1, resourceSliceCount: 1 }, devices: [] },
      });
    await slice('mine', 'n1');
    await slice('others', 'n2');
    const deps = { client: own, clock, log: silentLog };
    const dra = await createDra({ ...deps, paths: new PodPaths(root), nodeName: 'n1', wake: () => {} });
    dra.drivers.start();
    const left = async () => (await own.list(resourceslices)).items.map(({ metadata }) => metadata.name);
    await clock.advance(29_000);
    expect(await left()).toEqual(['mine', 'others']);
    await clock.advance(2000);
    expect(await left()).toEqual(['others']);
    dra.drivers.stop();
  });

  it('need a driver that speaks a known version', async () => {
    const dra = await agent();
    const plugin = { name: 'x', endpoint: '/x', versions: ['v1alpha3.DRAPlugin'] };
    await expect(dra.drivers.register(plugin)).rejects.toThrow(
      'the driver speaks none of v1.DRAPlugin, v1beta1.DRAPlugin',
    );
  });
});
