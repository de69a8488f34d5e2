import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { Node, Pod, ResourceResourceClaim } from '../../src/api/generated/types.ts';
import { realClock } from '../../src/base/clock.ts';
import { FakeDraDriver } from '../../src/kubelet/dra/fake-dra-driver.ts';
import { SimulatedGpus } from '../../src/kubelet/devices/simulated-gpus.ts';
import { root } from '../lifecycle/real-cluster.ts';
import { type Kubectl, kubectlIn } from './kubectl.ts';
import { listOf, pod, sh } from './manifests.ts';

/** What the node itself does for and to pods, seen in real containers. */
const sleep = (script: string, more: object = {}) => sh('c', `${script}; exec sleep 3600`, more);

let kubectl: Kubectl;
let nodeName = '';
/** The node's folder: this suite runs on its machine. */
let nodeDir = '';
beforeAll(async () => {
  kubectl = await kubectlIn('node-features');
  const [node] = (await kubectl.object<{ items: Node[] }>('nodes')).items;
  nodeName = node?.metadata.name ?? '';
  nodeDir = join(dirname(inject('kubeconfig')), 'nodes', nodeName);
});
afterAll(() => kubectl.ok(['delete', 'namespace', 'node-features', '--wait=false']));

const apply = (...objects: object[]) => kubectl.ok(['apply', '-f', '-'], { input: listOf(objects) });
const ready = (name: string) => kubectl.ok(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=120s']);
const get = (name: string) => kubectl.object<Pod>('pod', name);

/** Waits until it is so; fails with what was asked last. */
const until = (is: () => Promise<boolean>) =>
  vi.waitFor(
    async () => {
      if (!(await is())) throw new Error(`not so: ${is}`);
    },
    { timeout: 120_000, interval: 500 },
  );

describe('usage', () => {
  it('kubectl top shows what a busy container uses, and the node', async () => {
    await apply(
      pod('busy', { containers: [sh('c', 'while :; do :; done', { resources: { limits: { cpu: '200m' } } })] }),
    );
    await ready('busy');
    await until(async () => {
      const { code, stdout } = await kubectl(['top', 'pod', 'busy', '--no-headers']);
      const [, cpu = '', memory = ''] = stdout.trim().split(/\s+/);
      return code === 0 && Number.parseInt(cpu, 10) > 100 && Number.parseInt(cpu, 10) < 300 && memory.endsWith('Mi');
    });
    expect(await kubectl.ok(['top', 'node', '--no-headers'])).toMatch(
      new RegExp(`^${nodeName} +\\d+m +\\d+% +\\d+Mi +\\d+%`),
    );
    const cadvisor = await kubectl.ok(['get', '--raw', `/api/v1/nodes/${nodeName}/proxy/metrics/cadvisor`]);
    expect(cadvisor).toMatch(/container_network_receive_bytes_total\{[^}]*pod="busy",interface="eth0"\} \d+/);
    await kubectl.ok(['delete', 'pod', 'busy']);
  });
});

describe('resources that change', () => {
  const quota = 'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d" " -f1 /sys/fs/cgroup/cpu.max';
  const memory = 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max';
  const amounts = (cpu: string, bytes: string) => ({
    requests: { cpu, memory: bytes },
    limits: { cpu, memory: bytes },
  });
  const limits = async (container: string) =>
    (await kubectl.ok(['exec', 'resized', '-c', container, '--', 'sh', '-c', `${quota}; ${memory}`]))
      .trim()
      .split('\n');

  it('arrive in the control groups of running containers, more and less, without a restart', async () => {
    const names = ['c1', 'c2'];
    const containers = names.map((name) => ({ ...sleep(':'), name, resources: amounts('20m', '40Mi') }));
    await apply(pod('resized', { containers }));
    await ready('resized');
    expect(await limits('c1')).toEqual(['2000', String(40 * 2 ** 20)]);
    const wanted = [
      { name: 'c1', resources: amounts('30m', '60Mi') },
      { name: 'c2', resources: amounts('10m', '30Mi') },
    ];
    const patch = JSON.stringify({ spec: { containers: wanted } });
    await kubectl.ok(['patch', 'pod', 'resized', '--subresource', 'resize', '-p', patch]);
    await until(async () => {
      const { status } = await get('resized');
      const has = new Map(status?.containerStatuses?.map((one) => [one.name, one.resources?.limits?.['cpu']]));
      return has.get('c1') === '30m' && has.get('c2') === '10m';
    });
    expect(await limits('c1')).toEqual(['3000', String(60 * 2 ** 20)]);
    expect(await limits('c2')).toEqual(['1000', String(30 * 2 ** 20)]);
    expect((await get('resized')).status?.containerStatuses?.map((one) => one.restartCount)).toEqual([0, 0]);
    await kubectl.ok(['delete', 'pod', 'resized']);
  });
});

describe('static pods', () => {
  it('run as long as their file is there; their mirrors come back', async () => {
    const file = join(nodeDir, 'manifests', 'e2e.yaml');
    const manifest = pod('static', { containers: [sleep('echo from a file')] }, { namespace: 'node-features' });
    await writeFile(file, JSON.stringify(manifest));
    const name = `static-${nodeName}`;
    await until(async () => (await kubectl(['get', 'pod', name])).code === 0);
    await ready(name);
    expect(await kubectl.ok(['logs', name])).toBe('from a file\n');
    const before = await get(name);
    await kubectl.ok(['delete', 'pod', name]);
    await until(async () => (await kubectl(['get', 'pod', name])).code === 0);
    await ready(name);
    const after = await get(name);
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(after.status?.containerStatuses?.[0]?.containerID).toBe(before.status?.containerStatuses?.[0]?.containerID);
    await rm(file);
    await until(async () => (await kubectl(['get', 'pod', name])).code !== 0);
  });
});

describe('limits of storage', () => {
  it('a pod whose volume grows over its limit has to go', async () => {
    const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }];
    const volumeMounts = [{ name: 'cache', mountPath: '/cache' }];
    await apply(
      pod('greedy', { volumes, containers: [sleep('dd if=/dev/zero of=/cache/f bs=1M count=3', { volumeMounts })] }),
    );
    await until(async () => (await get('greedy')).status?.phase === 'Failed');
    expect((await get('greedy')).status).toMatchObject({
      ...{ reason: 'Evicted', message: 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ' },
      conditions: expect.arrayContaining([
        expect.objectContaining({ type: 'DisruptionTarget', reason: 'TerminationByKubelet' }),
      ]),
    });
  });
});

describe('devices', () => {
  const gpu = 'test.io/gpu';

  it('of a plugin are counted, given to a container, given to the next one, and taken back', async () => {
    const plugin = new SimulatedGpus(
      { clock: realClock },
      { folder: join(nodeDir, 'kubelet', 'device-plugins'), resource: gpu, gpus: { gpu0: 0 } },
    );
    await plugin.start();
    const allocatable = async () => (await kubectl.object<Node>('node', nodeName)).status?.allocatable?.[gpu];
    await until(async () => (await allocatable()) === '1');
    const using = (name: string) =>
      pod(name, {
        containers: [
          sh('c', 'echo $GPU_IDS; ls -l /dev/gpu0; cat /gpu/version; exec sleep 3600', {
            resources: { limits: { [gpu]: '1' } },
          }),
        ],
      });
    await apply(using('trains'));
    await ready('trains');
    await until(async () => (await kubectl.ok(['logs', 'trains'])).includes('Linux version'));
    expect(await kubectl.ok(['logs', 'trains'])).toMatch(/^gpu0\nc.*\/dev\/gpu0\nLinux version/);
    const shown = async () =>
      (await kubectl.object<Pod>('pod', 'trains')).status.containerStatuses?.[0]?.allocatedResourcesStatus;
    const health = (is: string) => [{ name: gpu, resources: [{ resourceID: 'gpu0', health: is }] }];
    for (const [isHealthy, is] of [
      [false, 'Unhealthy'],
      [true, 'Healthy'],
    ] as const) {
      plugin.setHealth('gpu0', isHealthy);
      await until(async () => isDeepStrictEqual(await shown(), health(is)));
    }
    // Each waits for the one before, and takes its device over at once.
    let last = 'trains';
    for (const name of ['waits', 'waits-too', 'waits-as-well']) {
      await apply(using(name));
      await kubectl.ok(['delete', 'pod', last]);
      await ready(name);
      last = name;
    }
    await kubectl.ok(['delete', 'pod', last]);
    plugin.stop();
    await until(async () => (await allocatable()) === '0');
  });

  it('that pods claim are shared, made ready by their driver, and described to containers', async () => {
    const name = 'dra.test.io';
    const cdiFolder = '/var/run/cdi';
    const hadFolder = existsSync(cdiFolder);
    const driver = new FakeDraDriver({
      ...{ root: join(nodeDir, 'kubelet'), name, cdiFolder },
      give: async ({ name: claim }) => {
        const { status } = await kubectl.object<ResourceResourceClaim>('resourceclaim', claim);
        return (status?.allocation?.devices?.results ?? []).map(({ request, pool, device, consumedCapacity }) => ({
          device: { requestNames: [request], poolName: pool, deviceName: device },
          edits: {
            env: [`GPU=${device}`, `GPU_MEMORY=${consumedCapacity?.['memory']}`],
            deviceNodes: [{ path: `/dev/${device}`, hostPath: '/dev/null' }],
            mounts: [{ hostPath: '/proc/version', containerPath: '/gpu/version', options: ['ro'] }],
          },
        }));
      },
    });
    await driver.start();
    const capacity = { memory: { value: '10Gi', requestPolicy: { default: '1Gi', validRange: { min: '1Gi' } } } };
    const exactly = { deviceClassName: name, capacity: { requests: { memory: '4Gi' } } };
    const resource = (kind: string, more: object) => ({
      apiVersion: 'resource.k8s.io/v1',
      kind,
      metadata: { name },
      ...more,
    });
    await apply(
      resource('DeviceClass', { spec: { selectors: [{ cel: { expression: `device.driver == "${name}"` } }] } }),
      resource('ResourceSlice', {
        spec: {
          ...{ driver: name, nodeName, pool: { name: nodeName, generation: 1, resourceSliceCount: 1 } },
          devices: [{ name: 'gpu0', allowMultipleAllocations: true, capacity }],
        },
      }),
      resource('ResourceClaimTemplate', { spec: { spec: { devices: { requests: [{ name: 'part', exactly }] } } } }),
    );
    const using = (one: string) =>
      pod(one, {
        resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: name }],
        containers: [
          sh('c', 'echo $GPU $GPU_MEMORY; ls -l /dev/gpu0; cat /gpu/version; exec sleep 3600', {
            resources: { claims: [{ name: 'gpu' }] },
          }),
        ],
      });
    await apply(using('first'), using('second'));
    for (const one of ['first', 'second']) {
      await ready(one);
      await until(async () => (await kubectl.ok(['logs', one])).includes('Linux version'));
      expect(await kubectl.ok(['logs', one])).toMatch(/^gpu0 4Gi\nc.*\/dev\/gpu0\nLinux version/);
    }
    // Two gigabytes are left.
    await apply(using('third'));
    await until(async () => {
      const { conditions } = (await get('third')).status;
      return conditions?.[0]?.message?.includes('cannot allocate all claims') ?? false;
    });
    await kubectl.ok(['delete', 'pod', 'first']);
    await ready('third');
    await kubectl.ok(['delete', 'pod', 'second', 'third']);
    await until(async () => (await kubectl.ok(['get', 'resourceclaims', '-o', 'name'])) === '');
    expect(driver.calls.filter((call) => call.startsWith('unprepare'))).toHaveLength(3);
    for (const kind of ['deviceclass', 'resourceslice']) await kubectl.ok(['delete', kind, name]);
    await driver.stop();
    if (!hadFolder) await rmdir(cdiFolder);
  });

  it('that no machine has are offered for as long as the command runs, each container is told which are its own', async () => {
    const resource = 'simulated.test/gpu';
    const cluster = basename(dirname(inject('kubeconfig')));
    const args = ['simulate-gpus', '--cluster', cluster, '--count', '2', '--resource', resource];
    const offer = spawn(join(root, 'knarr'), args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(offer, 'close');
    const allocatable = async () => (await kubectl.object<Node>('node', nodeName)).status?.allocatable?.[resource];
    await until(async () => (await allocatable()) === '2');
    const both = { resources: { limits: { [resource]: '2' } } };
    await apply(pod('learns', { restartPolicy: 'Never', containers: [sh('c', 'echo $GPU_IDS', both)] }));
    await kubectl.ok(['wait', 'pod/learns', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=120s']);
    expect(await kubectl.ok(['logs', 'learns'])).toBe('gpu0,gpu1\n');
    offer.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    await until(async () => (await allocatable()) === '0');
  });
});
