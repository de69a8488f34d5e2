import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Pod } from '../../src/api/generated/types.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { devicesHook } from '../../src/kubelet/hooks/devices.ts';
import { DeviceManager } from '../../src/kubelet/devices/device-manager.ts';
import { deviceApis } from '../../src/kubelet/devices/device-plugin-api.ts';
import { servePodResources } from '../../src/kubelet/devices/pod-resources.ts';
import { SimulatedGpus, type SimulatedGpusOptions } from '../../src/kubelet/devices/simulated-gpus.ts';
import { GrpcChannel } from '../../src/rpc/grpc-channel.ts';

const gpu = 'test.io/gpu';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanups.splice(0).reverse()) await undo();
});

const podOf = (name: string, count: number): Pod => ({
  metadata: { name, namespace: 'ns', uid: `uid-${name}` },
  spec: { containers: [{ name: 'c', resources: { limits: { [gpu]: String(count), cpu: '1' } } }] },
  status: {},
});

async function world(options: Partial<SimulatedGpusOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'gpu-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const changed = vi.fn();
  const open = async () => {
    const devices = new DeviceManager({ clock: realClock, log: silentLog, changed }, folder);
    await devices.start();
    cleanups.push(() => devices.stop());
    return devices;
  };
  const devices = await open();
  const plugin = new SimulatedGpus(
    { clock: realClock },
    { folder, resource: gpu, gpus: { gpu0: 0, gpu1: 1, gpu2: 1 }, ...options },
  );
  await plugin.start();
  cleanups.push(() => plugin.stop());
  const until = (count: object, of = devices) => vi.waitFor(() => expect(of.counts().get(gpu)).toEqual(count), 20_000);
  await until({ capacity: 3, allocatable: 3 });
  const take = (pod: Pod, of = devices) => of.allocate(pod, pod.spec.containers[0] as never);
  const idsOf = (pod: Pod, of = devices) =>
    of
      .of(pod.metadata.uid ?? '')
      .get('c')
      ?.get(gpu);
  return { devices, plugin, folder, changed, open, until, take, idsOf };
}

describe('device plugins', () => {
  it('say what there is and how it is; the node hears of every change', async () => {
    const { plugin, until, changed } = await world();
    const before = changed.mock.calls.length;
    plugin.setHealth('gpu1', false);
    await until({ capacity: 3, allocatable: 2 });
    plugin.setHealth('gpu1', true);
    await until({ capacity: 3, allocatable: 3 });
    expect(changed.mock.calls.length).toBeGreaterThan(before);
    plugin.stop();
    await until({ capacity: 3, allocatable: 0 });
  });

  it('are refused when they speak another version, or name what is no resource or no socket of theirs', async () => {
    const { plugin } = await world();
    await expect(plugin.register({ version: 'v1alpha' })).rejects.toMatchObject({ code: 'InvalidArgument' });
    await expect(plugin.register({ resourceName: 'gpu' })).rejects.toMatchObject({ code: 'InvalidArgument' });
    await expect(plugin.register({ endpoint: '../other.sock' })).rejects.toMatchObject({ code: 'InvalidArgument' });
  });

  it('give a container what it needs to use its devices; nobody else gets those', async () => {
    const { devices, plugin, take, idsOf } = await world();
    const [two, one, more] = [podOf('two', 2), podOf('one', 1), podOf('more', 1)];
    const hook = devicesHook({ devices });
    const [extras] = (await hook.extras?.({ pod: two, container: two.spec.containers[0] as never })) ?? [];
    // Those two are near to each other.
    expect(idsOf(two)).toEqual(['gpu1', 'gpu2']);
    expect(extras).toMatchObject({
      env: { GPU_IDS: 'gpu1,gpu2' },
      devices: [
        { containerPath: '/dev/gpu1', hostPath: '/dev/null', permissions: 'rw' },
        { containerPath: '/dev/gpu2' },
      ],
      mounts: [{ containerPath: '/gpu/version', hostPath: '/proc/version', readonly: true }],
      annotations: { 'gpu.test/ids': 'gpu1,gpu2' },
    });
    await take(one);
    expect(idsOf(one)).toEqual(['gpu0']);
    await expect(take(more)).rejects.toThrow(
      'Allocate failed due to requested number of devices unavailable for test.io/gpu. Requested: 1, Available: 0, which is unexpected',
    );
    expect(plugin.calls).toEqual(['allocate gpu1,gpu2', 'prestart gpu1,gpu2', 'allocate gpu0', 'prestart gpu0']);
    await hook.teardown?.(two);
    await take(more);
    expect(idsOf(more)).toEqual(['gpu1']);
  });

  it('give a container that starts again the same devices', async () => {
    const { take, idsOf } = await world();
    const pod = podOf('p', 1);
    await take(pod);
    const before = idsOf(pod);
    await take(pod);
    expect(idsOf(pod)).toEqual(before);
  });

  it('give the devices of a pod that is over to the next one, before all traces of it are gone', async () => {
    const { devices, take, idsOf } = await world({ gpus: { gpu0: 0, gpu1: 0, gpu2: 0 } });
    const [over, next] = [podOf('over', 3), podOf('next', 3)];
    await take(over);
    devices.usePods({ mayUse: () => true, healthChanged: () => {} });
    await expect(take(next)).rejects.toThrow('Requested: 3, Available: 0');
    devices.usePods({ mayUse: (uid) => uid !== over.metadata.uid, healthChanged: () => {} });
    await take(next);
    await devices.release(over.metadata.uid ?? '');
    expect(idsOf(next)).toEqual(['gpu0', 'gpu1', 'gpu2']);
  });

  it('tell how the devices of a container are, and which pods have one that is not well any more', async () => {
    const { devices, plugin, take } = await world();
    const [has, other] = [podOf('has', 2), podOf('other', 0)];
    await take(has);
    await take(other);
    const healthChanged = vi.fn();
    devices.usePods({ mayUse: () => true, healthChanged });
    const health = (of: Pod) =>
      devices.healthOf(of.metadata.uid ?? '', 'c').map(({ name, resources = [] }) => ({
        [name]: Object.fromEntries(resources.map(({ resourceID, health: is }) => [resourceID, is])),
      }));
    expect(health(has)).toEqual([{ [gpu]: { gpu1: 'Healthy', gpu2: 'Healthy' } }]);
    plugin.setHealth('gpu2', false);
    await vi.waitFor(() => expect(healthChanged).toHaveBeenLastCalledWith(['uid-has']), 20_000);
    expect(health(has)).toEqual([{ [gpu]: { gpu1: 'Healthy', gpu2: 'Unhealthy' } }]);
    expect(health(other)).toEqual([]);
  });

  it('never give a device that is not healthy', async () => {
    const { plugin, until, take, idsOf } = await world();
    plugin.setHealth('gpu0', false);
    await until({ capacity: 3, allocatable: 2 });
    await take(podOf('a', 1));
    await take(podOf('b', 1));
    expect(['a', 'b'].map((name) => idsOf(podOf(name, 1))?.[0]).sort()).toEqual(['gpu1', 'gpu2']);
    await expect(take(podOf('c', 1))).rejects.toThrow('Available: 0');
  });

  it('are asked which devices go well together', async () => {
    const { take, idsOf } = await world({ prefer: (available, size) => [...available].sort().slice(0, size) });
    const pod = podOf('p', 2);
    await take(pod);
    expect(idsOf(pod)).toEqual(['gpu0', 'gpu1']);
  });

  it('are known again by an agent that starts again', async () => {
    const { devices, open, until } = await world();
    devices.stop();
    await until({ capacity: 3, allocatable: 3 }, await open());
  });

  it('and who has what outlive the agent: devices stay given', async () => {
    const { devices, plugin, open, until, take, idsOf } = await world();
    const [old, gone] = [podOf('old', 2), podOf('gone', 1)];
    await take(old);
    await take(gone);
    devices.stop();
    plugin.stop();
    const next = await open();
    // Not without its plugin: a container must not start without the device that it asked for.
    await expect(take(old, next)).rejects.toThrow('no device plugin serves test.io/gpu');
    await plugin.start();
    await until({ capacity: 3, allocatable: 3 }, next);
    expect(idsOf(old, next)).toEqual(['gpu1', 'gpu2']);
    await expect(take(podOf('new', 1), next)).rejects.toThrow('Available: 0');
    await next.keepOnly((uid) => uid === 'uid-old');
    await take(podOf('new', 1), next);
    expect(idsOf(podOf('new', 1), next)).toEqual(['gpu0']);
  });
});

describe('the pod resources API', () => {
  it('says which container has which devices', async () => {
    const { devices, folder, take } = await world();
    const pod = podOf('p', 2);
    await take(pod);
    const socket = join(folder, 'pod-resources', 'kubelet.sock');
    const claim = { uid: 'u', name: 'claim', namespace: 'ns' };
    const part = { poolName: 'pool', deviceName: 'd0', shareId: 's', cdiDeviceIds: ['e.com/gpu=d0'] };
    const claimedDevices = {
      of: ({ metadata }: Pod) => (metadata.name === 'p' ? [{ claim, driver: 'gpu.e.com', device: part }] : []),
    };
    const server = await servePodResources({ devices, claimedDevices, pods: () => [pod, podOf('other', 0)] }, socket);
    const channel = new GrpcChannel({ address: `unix://${socket}` }, realClock);
    cleanups.push(
      () => server.close(),
      () => channel.close(),
    );
    const ask = (name: string, request = {}) =>
      channel.unary(deviceApis().resources.get(name) as never, request, { waitForReady: true });
    const shown = {
      ...{ name: 'p', namespace: 'ns' },
      containers: [
        {
          ...{ name: 'c', devices: [{ resourceName: gpu, deviceIds: ['gpu1', 'gpu2'] }] },
          dynamicResources: [
            {
              ...{ claimName: 'claim', claimNamespace: 'ns' },
              claimResources: [
                {
                  ...{ driverName: 'gpu.e.com', poolName: 'pool', deviceName: 'd0', shareId: 's' },
                  cdiDevices: [{ name: 'e.com/gpu=d0' }],
                },
              ],
            },
          ],
        },
      ],
    };
    expect(await ask('List')).toMatchObject({ podResources: [shown, { name: 'other', containers: [{ name: 'c' }] }] });
    expect(await ask('Get', { podName: 'p', podNamespace: 'ns' })).toMatchObject({ podResources: shown });
    await expect(ask('Get', { podName: 'none', podNamespace: 'ns' })).rejects.toMatchObject({ code: 'NotFound' });
    expect(await ask('GetAllocatableResources')).toMatchObject({
      devices: [{ resourceName: gpu, deviceIds: ['gpu0', 'gpu1', 'gpu2'] }],
    });
  });
});
