import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configmaps, leases, nodes, pods } from '../../src/api/generated/resources.ts';
import type { Container, Pod } from '../../src/api/generated/types.ts';
import { sleep } from '../../src/base/clock.ts';
import { mountsBelow, unmountBelow } from '../../src/cri/mounts.ts';
import type { Kubelet } from '../../src/kubelet/kubelet.ts';
import { kubeletOn, type KubeletRun } from './kubelet-harness.ts';
import { machine, type OwnContainerd, startOwnContainerd, whyNoContainerd } from './own-containerd.ts';

const reason = await whyNoContainerd();
const image = 'knarr.local/busybox:1';
const isReady = (pod?: Pod) =>
  pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
const isGone = (pod?: Pod) => pod === undefined;
/** Ends at once on SIGTERM, as a well-made program does. */
const forever = 'trap "exit 0" TERM; while :; do sleep 0.05; done';
const shell = (script: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image,
  command: ['sh', '-c', script],
  ...more,
});

if (reason) {
  console.warn(`no kubelet on a real containerd in this run: ${reason}`);
  describe.skip(`kubelet (${reason})`, () => it('is not run', () => undefined));
} else {
  describe('kubelet on a real containerd', cases);
}

function cases(): void {
  let own: OwnContainerd;
  let run: KubeletRun;
  let kubelet: Kubelet;

  beforeAll(async () => {
    own = await startOwnContainerd('kubelet');
    run = kubeletOn(own);
    kubelet = await run.start();
  });
  afterAll(async () => {
    await kubelet?.stop();
    run?.cri.close();
    if (run) await unmountBelow(run.options.dataDir);
    await own?.stop();
  });

  /** A container's log so far; the file is there once the container is. */
  async function logOf(pod: Pod, container = 'main', attempt = 0): Promise<string> {
    const { namespace, name, uid } = pod.metadata;
    const text = await readFile(
      join(run.options.dataDir, 'logs/pods', `${namespace}_${name}_${uid}`, container, `${attempt}.log`),
      'utf8',
    );
    return text
      .split('\n')
      .map((line) => line.split(' ').slice(3).join(' '))
      .join('\n');
  }
  const exec = async (pod: Pod | undefined, ...cmd: string[]) => {
    const containerId = pod?.status.containerStatuses?.[0]?.containerID?.slice('containerd://'.length);
    const { stdout = new Uint8Array() } = await run.cri.runtime.ExecSync({ containerId, cmd, timeout: 10 });
    return Buffer.from(stdout).toString();
  };
  const remove = async (name: string) => {
    await run.client.delete(pods, { namespace: 'default', name });
    await run.until(name, isGone);
  };

  it('registers its node and renews its lease', async () => {
    const node = await run.client.get(nodes, { name: 'node-1' });
    expect(node.status).toMatchObject({
      addresses: [
        { type: 'InternalIP', address: '172.30.0.11' },
        { type: 'Hostname', address: 'node-1' },
      ],
      nodeInfo: { kubeletVersion: 'v1.36.2+knarr', containerRuntimeVersion: expect.stringMatching(/^containerd:\/\//) },
    });
    expect(node.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'True', reason: 'KubeletReady' }),
    );
    const lease = await run.client.get(leases, { namespace: 'kube-node-lease', name: 'node-1' });
    expect(lease.spec).toMatchObject({ holderIdentity: 'node-1', leaseDurationSeconds: 40 });
  });

  it('runs a pod: process, address, names, environment, limits; and removes every trace', async () => {
    const container = shell(`cat /etc/hosts /etc/resolv.conf; env; ${forever}`, {
      env: [{ name: 'WHERE', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
      resources: { limits: { memory: '64Mi', cpu: '500m' } },
    });
    await run.create(
      { containers: [container], hostAliases: [{ ip: '192.0.2.7', hostnames: ['foo'] }] },
      { name: 'web' },
    );
    const pod = (await run.until('web', isReady)) as Pod;
    const ip = pod.status.podIP;
    expect(ip).toMatch(/^10\.199\.0\./);
    await expect.poll(() => logOf(pod)).toContain(`WHERE=${ip}`);
    const log = await logOf(pod);
    expect(log).toContain(`${ip}\tweb`);
    expect(log).toContain('192.0.2.7\tfoo');
    expect(log).toContain('nameserver 10.96.0.10');
    expect(log).toContain('search default.svc.cluster.local svc.cluster.local cluster.local');
    const { uid } = pod.metadata;
    const limit = join('/sys/fs/cgroup/memory', own.cgroup, 'kubepods', `pod${uid}`, 'memory.limit_in_bytes');
    if (
      await access('/sys/fs/cgroup/memory').then(
        () => true,
        () => false,
      )
    ) {
      expect((await readFile(limit, 'utf8')).trim()).toBe(String(64 * 2 ** 20));
    }
    await remove('web');
    expect((await run.cri.runtime.ListPodSandbox({})).items ?? []).toEqual([]);
    expect(await readdir(join(run.options.dataDir, 'pods'))).toEqual([]);
    expect(await readdir(join(run.options.dataDir, 'logs/pods'))).toEqual([]);
    expect(await readdir(join(run.options.dataDir, 'memory'))).toEqual([]);
    await expect(access(limit)).rejects.toThrow();
  });

  it('mounts volumes, and a changed ConfigMap arrives within a second', async () => {
    const key = { namespace: 'default', name: 'settings' };
    await run.client.create(configmaps, { metadata: key, data: { color: 'red' } });
    const volumes = [
      { name: 'settings', configMap: { name: 'settings' } },
      { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
      { name: 'shared', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    ];
    const volumeMounts = [
      { name: 'settings', mountPath: '/settings' },
      { name: 'token', mountPath: '/var/run/token', readOnly: true },
      { name: 'shared', mountPath: '/shared' },
      { name: 'shared', mountPath: '/part', subPath: 'deep/part' },
      { name: 'memory', mountPath: '/memory' },
    ];
    await run.create({ volumes, containers: [shell(forever, { volumeMounts })] }, { name: 'volumes' });
    const pod = await run.until('volumes', isReady);
    expect(
      await exec(
        pod,
        'sh',
        '-c',
        'cat /settings/color /var/run/token/token; echo x >/part/f; cat /shared/deep/part/f; grep -c " /memory tmpfs" /proc/mounts',
      ),
    ).toBe('redtoken-1x\n1\n');
    await run.client.patch(configmaps, key, { type: 'merge', body: { data: { color: 'blue' } } });
    const changedAt = machine.clock.now();
    while ((await exec(pod, 'cat', '/settings/color')) !== 'blue') await sleep(machine.clock, 20);
    expect(machine.clock.now() - changedAt).toBeLessThan(1000);
    await remove('volumes');
    expect(await mountsBelow(join(run.options.dataDir, 'pods'))).toEqual([]);
  });

  it('waits for a missing object and starts as soon as it is there', async () => {
    const env = [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'late', key: 'k' } } }];
    await run.create({ containers: [shell(forever, { env })] }, { name: 'late' });
    const waits = (pod?: Pod) =>
      pod?.status.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError';
    const waiting = await run.until('late', waits);
    expect(waiting?.status.containerStatuses?.[0]?.state?.waiting?.message).toBe('configmap "late" not found');
    const createdAt = machine.clock.now();
    await run.client.create(configmaps, { metadata: { namespace: 'default', name: 'late' }, data: { k: 'v' } });
    await run.until('late', isReady);
    expect(machine.clock.now() - createdAt).toBeLessThan(3000);
    await remove('late');
  });

  it('runs init containers first, restarts what fails, keeps its last words', async () => {
    const volumes = [{ name: 'v', emptyDir: {} }];
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const first = shell('echo made >/v/f', { name: 'first', volumeMounts });
    const flaky = shell(
      `if [ -f /v/again ]; then ${forever}; fi; touch /v/again; cat /v/f >/dev/termination-log; exit 3`,
      { volumeMounts },
    );
    await run.create({ volumes, initContainers: [first], containers: [flaky] }, { name: 'flaky' });
    const pod = await run.until(
      'flaky',
      (now) => isReady(now) && now?.status.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(pod?.status.initContainerStatuses?.[0]).toMatchObject({
      ready: true,
      state: { terminated: { reason: 'Completed' } },
    });
    expect(pod?.status.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'made\n',
    });
    await remove('flaky');
  });

  it('tells an out-of-memory kill and a command that is not there', async () => {
    const greedy = shell('exec tail /dev/zero', { resources: { limits: { memory: '32Mi' } } });
    await run.create({ restartPolicy: 'Never', containers: [greedy] }, { name: 'greedy' });
    // The runtime may say that a container has ended before it says what for.
    const ended = (pod?: Pod) => pod?.status.containerStatuses?.[0]?.state?.terminated;
    const killed = await run.until('greedy', (pod) => ended(pod)?.reason === 'OOMKilled');
    expect(killed?.status.phase).toBe('Failed');
    expect(ended(killed)?.exitCode).toBe(137);
    await remove('greedy');
    await run.create(
      { restartPolicy: 'Never', containers: [shell('', { command: ['/nothing'] })] },
      { name: 'nothing' },
    );
    const failed = await run.until('nothing', (pod) => pod?.status.phase === 'Failed');
    expect(failed?.status.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 128,
      reason: 'StartError',
    });
    await remove('nothing');
  });

  it('runs preStop and gives the grace period', async () => {
    const lifecycle = { preStop: { exec: { command: ['sh', '-c', 'echo stopping >/proc/1/fd/1'] } } };
    await run.create(
      { terminationGracePeriodSeconds: 3, containers: [shell('trap "" TERM; sleep 1000', { lifecycle })] },
      { name: 'stubborn' },
    );
    const pod = (await run.until('stubborn', isReady)) as Pod;
    const askedAt = machine.clock.now();
    await run.client.delete(pods, { namespace: 'default', name: 'stubborn' }, { gracePeriodSeconds: 3 });
    await run.until('stubborn', (now) => now?.status.containerStatuses?.[0]?.state?.terminated !== undefined);
    expect(await logOf(pod)).toContain('stopping');
    await run.until('stubborn', isGone);
    const tookMs = machine.clock.now() - askedAt;
    expect(tookMs).toBeGreaterThan(2000);
    expect(tookMs).toBeLessThan(6000);
  });

  it('leaves containers alone when it restarts, and takes down what was deleted meanwhile', async () => {
    await run.create({ containers: [shell(forever)] }, { name: 'stays' });
    await run.create({ containers: [shell(forever)] }, { name: 'goes' });
    const before = (await run.until('stays', isReady)) as Pod;
    await run.until('goes', isReady);
    await kubelet.stop();
    await run.client.delete(pods, { namespace: 'default', name: 'goes' }, { gracePeriodSeconds: 0 });
    kubelet = await run.start();
    let items = (await run.cri.runtime.ListPodSandbox({})).items ?? [];
    while (items.length !== 1) {
      await sleep(machine.clock, 50);
      items = (await run.cri.runtime.ListPodSandbox({})).items ?? [];
    }
    const after = await run.get('stays');
    expect(after.status.containerStatuses).toEqual(before.status.containerStatuses);
    expect(await exec(after, 'echo', 'alive')).toBe('alive\n');
    await remove('stays');
  });
}
