import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types.ts';
import { fakeUsage } from '../cgroup/fake.ts';
import { usageV1, usageV2 } from '../cgroup/usage.ts';
import { cadvisorMetrics } from './cadvisor-metrics.ts';
import { treeUsage } from './disk-usage.ts';
import { exposition } from './exposition.ts';
import { machineUsageOf } from './machine-usage.ts';
import { interfacesOf } from './network-usage.ts';
import { probeMetrics } from './probe-metrics.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { summary } from './summary.ts';
import type { NodeUsage } from './usage-reader.ts';

const machine = machineUsageOf({
  stat: 'cpu  100 10 50 9999 20 5 5 0 0 0\ncpu0 1 1 1 1\nbtime 1700000000\n',
  meminfo:
    'MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nAnonPages: 50 kB\nSwapTotal: 20 kB\nSwapFree: 5 kB\n',
  vmstat: 'pgfault 7\npgmajfault 3\n',
  pidMax: '4194304\n',
  loadavg: '0.1 0.2 0.3 2/345 999\n',
  devices: `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0
  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0
`,
  pressures: ['some avg10=1.50 avg60=0.20 avg300=0.03 total=4000000\n', '', ''],
});
const pressure = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=8\n';
const pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'c', resources: { limits: { cpu: '500m', memory: '64Mi' } } }] },
  status: {},
} as Pod;
const at = (cpuNs: number, id = 'id'): NodeUsage => ({
  machine: { ...machine, cpuNs: cpuNs * 4 },
  allPods: undefined,
  pods: [
    {
      ...{ pod, cgroup: '/g', startedAtMs: 1000, interfaces: machine.interfaces },
      usage: fakeUsage({ cpuNs, workingSetBytes: 20, pids: 2 }),
      containers: [
        {
          name: 'c',
          id,
          image: 'i',
          cgroup: '/g/id',
          startedAtMs: 2000,
          usage: fakeUsage({ cpuNs, workingSetBytes: 10 }),
        },
      ],
    },
  ],
});

describe("the kernel's figures", () => {
  it('of version 1', () => {
    const usage = usageV1({
      ...{ cpuacctUsage: '5000000\n', cpuacctStat: 'user 3\nsystem 2\n' },
      cpuStat: 'nr_periods 9\nnr_throttled 4\nthrottled_time 77\n',
      ...{ memoryUsage: '1000\n', memoryFailcnt: '6\n', pids: '8\n' },
      memoryStat: 'inactive_file 1\ntotal_inactive_file 300\ntotal_rss 200\ntotal_cache 500\ntotal_pgfault 11\n',
    });
    expect(usage).toMatchObject({ cpuNs: 5_000_000, cpuUserNs: 30_000_000, cpuSystemNs: 20_000_000 });
    expect(usage).toMatchObject({ periods: 9, throttledPeriods: 4, throttledNs: 77, memoryLimitHits: 6, pids: 8 });
    expect(usage).toMatchObject({
      memoryBytes: 1000,
      workingSetBytes: 700,
      rssBytes: 200,
      cacheBytes: 500,
      pageFaults: 11,
    });
  });

  it('of version 2', () => {
    const usage = usageV2({
      cpuStat: 'usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 9\nnr_throttled 4\nthrottled_usec 7\n',
      ...{ memoryCurrent: '1000\n', memorySwap: '5\n', memoryEvents: 'low 0\nmax 6\noom 1\n', pids: '8\n' },
      memoryStat: 'anon 200\nfile 500\ninactive_file 1300\npgfault 11\n',
      // As older kernels have it of processors, as newer ones have it, and a file that is not there.
      cpuPressure: 'some avg10=1.50 avg60=0.20 avg300=0.03 total=77\n',
      memoryPressure: `${pressure}full avg10=2.00 avg60=0.00 avg300=0.00 total=9\n`,
      ioPressure: '',
    });
    expect(usage.stalls).toEqual({
      cpu: {
        full: { total: 0, avg10: 0, avg60: 0, avg300: 0 },
        some: { total: 77, avg10: 1.5, avg60: 0.2, avg300: 0.03 },
      },
      memory: {
        full: { total: 9, avg10: 2, avg60: 0, avg300: 0 },
        some: { total: 8, avg10: 0, avg60: 0, avg300: 0 },
      },
    });
    expect(usage).toMatchObject({ cpuNs: 5_000_000, cpuUserNs: 3_000_000, throttledNs: 7000, memoryLimitHits: 6 });
    // Counted at slightly different times: never less than nothing.
    expect(usage).toMatchObject({ memoryBytes: 1000, workingSetBytes: 0, rssBytes: 200, swapBytes: 5, pids: 8 });
  });

  it('of the machine', () => {
    expect(machine).toMatchObject({ cpuNs: 1_700_000_000, bootedAtMs: 1_700_000_000_000, memoryBytes: 900 * 1024 });
    expect(machine).toMatchObject({ memoryAvailableBytes: 600 * 1024, pids: { max: 4_194_304, used: 345 } });
    expect(machine.interfaces).toEqual([
      ...[{ name: 'eth0', rxBytes: 1000, rxPackets: 10, rxErrors: 1, rxDropped: 2 }].map((one) => ({
        ...one,
        ...{ txBytes: 2000, txPackets: 20, txErrors: 3, txDropped: 4 },
      })),
    ]);
    expect(interfacesOf('')).toEqual([]);
  });
});

describe('what is told of usage', () => {
  const newer = { atMs: 12_000, value: at(7_000_000_000) };

  it('/metrics/resource: counters with the time at which they were true', () => {
    const lines = resourceMetrics(newer).split('\n');
    expect(lines).toContain('container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 7 12000');
    expect(lines).toContain('container_start_time_seconds{container="c",namespace="ns",pod="p"} 2 12000');
    expect(lines).toContain('pod_memory_working_set_bytes{namespace="ns",pod="p"} 20 12000');
    expect(lines).toContain(`node_memory_working_set_bytes ${400 * 1024} 12000`);
    expect(lines).toContain('# TYPE node_cpu_usage_seconds_total counter');
  });

  it('/metrics/cadvisor: the pod as a whole, its containers, their limits and interfaces', () => {
    const lines = cadvisorMetrics(newer, { cpus: 2 }).split('\n');
    const own = 'container="c",id="/g/id",image="i",name="id",namespace="ns",pod="p"';
    const whole = 'container="",id="/g",image="",name="",namespace="ns",pod="p"';
    expect(lines).toContain(`container_cpu_usage_seconds_total{${own},cpu="total"} 7 12000`);
    expect(lines).toContain(`container_processes{${whole}} 2 12000`);
    expect(lines).toContain(`container_spec_cpu_quota{${own}} 50000`);
    expect(lines).toContain(`container_spec_memory_limit_bytes{${own}} ${64 * 2 ** 20}`);
    expect(lines).toContain(`container_network_receive_bytes_total{${whole},interface="eth0"} 1000 12000`);
    expect(lines).toContain('machine_cpu_cores 2');
  });

  it('/stats/summary: rates of the window; none of a container that was made anew', () => {
    const older = { atMs: 2000, value: at(2_000_000_000) };
    const shown = summary({ older, newer }, { nodeName: 'n' }) as Record<string, never>;
    expect(shown).toMatchObject({
      node: { nodeName: 'n', cpu: { usageNanoCores: 2_000_000_000 }, memory: { availableBytes: 600 * 1024 } },
      pods: [
        {
          podRef: { name: 'p', namespace: 'ns', uid: 'u' },
          cpu: { usageNanoCores: 500_000_000, usageCoreNanoSeconds: 7_000_000_000 },
          containers: [{ name: 'c', cpu: { usageNanoCores: 500_000_000 } }],
          network: { name: 'eth0', rxBytes: 1000 },
        },
      ],
    });
    const anew = summary({ older: { atMs: 2000, value: at(1, 'before') }, newer }, { nodeName: 'n' });
    expect(JSON.stringify((anew as { pods: { containers: unknown[] }[] }).pods[0]?.containers)).not.toContain(
      'usageNanoCores',
    );
  });

  it('how long tasks waited, where the kernel tells', () => {
    const waits = (total: number) => ({ total, avg10: 0, avg60: 0, avg300: 0 });
    const stalls = { memory: { full: waits(500_000), some: waits(2_000_000) }, io: { full: waits(1), some: waits(2) } };
    const value = at(7);
    for (const { usage } of value.pods.flatMap(({ containers }) => containers)) usage.stalls = stalls;
    const own = 'container="c",id="/g/id",image="i",name="id",namespace="ns",pod="p"';
    const lines = cadvisorMetrics({ atMs: 12_000, value }, { cpus: 2 })
      .split('\n')
      .filter((line) => line.startsWith('container_pressure'));
    expect(lines).toEqual([
      `container_pressure_memory_stalled_seconds_total{${own}} 0.5 12000`,
      `container_pressure_memory_waiting_seconds_total{${own}} 2 12000`,
      `container_pressure_io_stalled_seconds_total{${own}} 0.000001 12000`,
      `container_pressure_io_waiting_seconds_total{${own}} 0.000002 12000`,
    ]);
    const shown = JSON.parse(
      JSON.stringify(summary({ older: { atMs: 2000, value }, newer: { atMs: 12_000, value } }, { nodeName: 'n' })),
    );
    expect(shown.node.cpu.psi).toEqual({
      full: waits(0),
      some: { total: 4_000_000, avg10: 1.5, avg60: 0.2, avg300: 0.03 },
    });
    expect([shown.node.memory.psi, shown.node.io, shown.pods[0].io, shown.pods[0].cpu.psi]).toEqual([
      ...[undefined, undefined, undefined, undefined],
    ]);
    const [container] = shown.pods[0].containers;
    expect([container.cpu.psi, container.memory.psi]).toEqual([undefined, stalls.memory]);
    expect(container.io).toEqual({ time: '1970-01-01T00:00:12Z', psi: stalls.io });
  });

  it('/metrics/probes, and labels with signs of their own', () => {
    const counts = [{ pod, container: 'c"\n\\', kind: 'liveness' as const, successful: 3, failed: 0 }];
    expect(exposition(probeMetrics(counts)).split('\n').slice(2)).toEqual([
      'prober_probe_total{container="c\\"\\n\\\\",namespace="ns",pod="p",pod_uid="u",probe_type="Liveness",result="successful"} 3',
      '',
    ]);
    expect(exposition(probeMetrics([]))).toBe('');
  });
});

describe('the use of a folder', () => {
  let dir = '';
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('counts blocks and names, a file with two names once, nothing where nothing is', async () => {
    dir = await mkdtemp(join(tmpdir(), 'usage-'));
    const before = await treeUsage(dir);
    await mkdir(join(dir, 'a'));
    await writeFile(join(dir, 'a', 'f'), Buffer.alloc(100_000, 1));
    await link(join(dir, 'a', 'f'), join(dir, 'g'));
    const { bytes, inodes } = await treeUsage(dir);
    expect(inodes - before.inodes).toBe(2);
    expect(bytes - before.bytes).toBeGreaterThanOrEqual(100_000);
    expect(bytes - before.bytes).toBeLessThan(150_000);
    expect(await treeUsage(join(dir, 'none'))).toEqual({ bytes: 0, inodes: 0 });
  });
});
