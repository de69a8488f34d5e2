import { writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leftovers, takeSnapshot } from '../../scripts/clean-machine.ts';
import type { Pod } from '../../src/api/generated/types.ts';
import { realClock } from '../../src/base/clock.ts';
import { eventually } from '../../src/cluster/admin-client.ts';
import { containerdPaths } from '../../src/cri/containerd-config.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { isLong } from '../chaos/campaign.ts';
import { busybox, listOf, pod, sh } from '../e2e/manifests.ts';
import { RealCluster } from '../lifecycle/real-cluster.ts';

const waves = isLong ? 25 : 5;
const nodes = ['node1', 'node2'];

const volumes = [
  { name: 'memory', emptyDir: { medium: 'Memory' } },
  { name: 'disk', emptyDir: {} },
  { name: 'host', hostPath: { path: '/tmp' } },
  { name: 'image', image: { reference: busybox, pullPolicy: 'IfNotPresent' } },
  { name: 'conf', configMap: { name: 'kube-root-ca.crt' } },
  { name: 'own', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
];
const volumeMounts = [
  ...volumes.map(({ name }) => ({ name, mountPath: `/${name}` })),
  { name: 'image', mountPath: '/part', subPath: 'bin' },
  { name: 'disk', mountPath: '/own-part', subPath: 'of/it' },
];
const wait = 'trap exit TERM; while :; do sleep 0.2; done';

/** What a node has to take away in different ways. */
const shapes: Record<string, object> = {
  runs: { containers: [sh('c', wait)] },
  mounts: { containers: [sh('c', wait, { volumeMounts }), sh('d', wait, { volumeMounts })], volumes },
  ends: { restartPolicy: 'Never', containers: [sh('c', 'exit 3')] },
  crashes: { containers: [sh('c', 'exit 1')] },
  stubborn: { containers: [sh('c', 'trap "" TERM; while :; do sleep 0.2; done')] },
  'cannot-start': { containers: [{ name: 'c', image: busybox, command: ['/none'] }] },
  'has-no-volume': {
    containers: [sh('c', wait, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
    volumes: [{ name: 'v', configMap: { name: 'none' } }],
  },
  initialized: {
    initContainers: [sh('i', 'true'), sh('s', wait, { restartPolicy: 'Always' })],
    containers: [sh('c', wait)],
  },
  'on-the-host': { hostNetwork: true, hostPID: true, containers: [sh('c', wait)] },
  shared: { shareProcessNamespace: true, containers: [sh('c', wait), sh('d', wait)] },
};

const output = (program: string, ...args: string[]) => outputOf(runCommand, { program, args });

describe('hundreds of pods that come and go', () => {
  let cluster: RealCluster;
  beforeAll(async () => {
    cluster = await RealCluster.watched('n-churn');
    await cluster.up('--no-demo', '--nodes', String(nodes.length));
  });
  afterAll(() => cluster.purge());

  /** All that a node has of pods, by name: containers, layers, files, control groups, links. */
  async function tracesOf(node: string): Promise<string[]> {
    const dir = join(cluster.dir, 'nodes', node);
    const { socket } = containerdPaths(join(dir, 'containerd'));
    const ctr = async (...what: string[]) =>
      (await output('ctr', '-a', socket, '-n', 'k8s.io', ...what)).split('\n').map((line) => `${what[0]}: ${line}`);
    const agent = (await cluster.pids())[`node-${node}`];
    const files = await output('find', dir, '-path', '*/io.containerd.*', '-prune', '-o', '-print');
    const links = await output('nsenter', '-t', String(agent), '-n', 'ip', '-br', 'link');
    return [
      ...(await ctr('containers', 'ls', '-q')),
      ...(await ctr('snapshots', 'ls')),
      ...files.split('\n'),
      ...links.split('\n').map((line) => `link: ${line.split(/\s/)[0]}`),
    ];
  }

  async function traces(): Promise<string[]> {
    const all = await Promise.all(nodes.map(tracesOf));
    const groups = await output('find', '/sys/fs/cgroup', '-type', 'd', '-path', `*knarr-${cluster.name}*`);
    return [...all.flat(), ...groups.split('\n')].sort();
  }

  const openFiles = async () => {
    const pids = await cluster.pids();
    const agents = nodes.map((node) => readdir(`/proc/${pids[`node-${node}`]}/fd`));
    return (await Promise.all(agents)).flat().length;
  };

  /** One pod of each shape on each node, deleted half a moment after it was made or when it is what it becomes. */
  async function wave(number: number): Promise<void> {
    const made = nodes.flatMap((nodeName) =>
      Object.entries(shapes).map(([shape, spec]) => pod(`${shape}-${nodeName}-${number}`, { nodeName, ...spec })),
    );
    const file = join(cluster.userHome, 'wave.json');
    writeFileSync(file, listOf(made));
    await cluster.kubectl('create', '-f', file);
    if (number % 2 === 0) {
      const running = ['wait', 'pod', '-l', '!none', '--for=jsonpath={.status.phase}=Running', '--timeout=120s'];
      const names = made.flatMap(({ metadata: { name } }) =>
        /^(runs|mounts|shared|initialized)/.test(name) ? [`pod/${name}`] : [],
      );
      await cluster.kubectl('wait', ...names, ...running.slice(-2));
    }
    await cluster.kubectl('delete', 'pods', '--all', '--timeout=120s');
  }

  it('leave nothing on their nodes', { timeout: 1_800_000 }, async () => {
    await wave(0);
    let [before, last] = [await traces(), ['']];
    // What the first ones leave is what there is of it: they settle when two looks are the same.
    await eventually(realClock, { what: 'the nodes to come to rest', timeoutMs: 300_000 }, async () => {
      [last, before] = [before, await traces()];
      return last.join() === before.join() || undefined;
    });
    const machine = await takeSnapshot();
    const opened = await openFiles();
    for (let number = 1; number <= waves; number++) await wave(number);
    expect((await cluster.object<{ items: Pod[] }>('pods')).items).toEqual([]);
    await expect.poll(traces, { timeout: 300_000, interval: 2000 }).toEqual(before);
    expect(leftovers(machine, await takeSnapshot()).filter((line) => line.includes(cluster.name))).toEqual([]);
    expect(await openFiles()).toBeLessThan(opened + 20);
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain('/pods/');
  });
});
