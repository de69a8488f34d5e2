import type { Reading } from '../../base/sample-window.ts';
import { stallResources } from '../cgroup/stalls.ts';
import type { CgroupUsage } from '../cgroup/usage.ts';
import { containerResources } from '../config/resources.ts';
import { containerOf } from '../worker/pod-spec.ts';
import { exposition, type Family, type FamilySample } from './exposition.ts';
import type { InterfaceUsage } from './network-usage.ts';
import { podLabels } from './resource-metrics.ts';
import type { ContainerUsage, NodeUsage, PodUsage } from './usage-reader.ts';

/** One control group, as cAdvisor calls a container: the pod's own group has no name and no image. */
interface Group {
  labels: Record<'container' | 'id' | 'image' | 'name' | 'namespace' | 'pod', string>;
  usage: CgroupUsage;
  startedAtMs: number;
}

type Figure = [
  name: string,
  type: Family['type'],
  help: string,
  value: (usage: CgroupUsage) => number,
  more?: Record<string, string>,
];

const figures: Figure[] = [
  [
    'container_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed in seconds.',
    (usage) => usage.cpuNs / 1e9,
    { cpu: 'total' },
  ],
  [
    'container_cpu_user_seconds_total',
    'counter',
    'Cumulative user cpu time consumed in seconds.',
    (usage) => usage.cpuUserNs / 1e9,
  ],
  [
    'container_cpu_system_seconds_total',
    'counter',
    'Cumulative system cpu time consumed in seconds.',
    (usage) => usage.cpuSystemNs / 1e9,
  ],
  [
    'container_cpu_cfs_periods_total',
    'counter',
    'Number of elapsed enforcement period intervals.',
    (usage) => usage.periods,
  ],
  [
    'container_cpu_cfs_throttled_periods_total',
    'counter',
    'Number of throttled period intervals.',
    (usage) => usage.throttledPeriods,
  ],
  [
    'container_cpu_cfs_throttled_seconds_total',
    'counter',
    'Total time duration the container has been throttled.',
    (usage) => usage.throttledNs / 1e9,
  ],
  [
    'container_memory_usage_bytes',
    'gauge',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    (usage) => usage.memoryBytes,
  ],
  ['container_memory_working_set_bytes', 'gauge', 'Current working set in bytes.', (usage) => usage.workingSetBytes],
  ['container_memory_rss', 'gauge', 'Size of RSS in bytes.', (usage) => usage.rssBytes],
  ['container_memory_cache', 'gauge', 'Number of bytes of page cache memory.', (usage) => usage.cacheBytes],
  ['container_memory_mapped_file', 'gauge', 'Size of memory mapped files in bytes.', (usage) => usage.mappedFileBytes],
  ['container_memory_swap', 'gauge', 'Container swap usage in bytes.', (usage) => usage.swapBytes],
  ['container_memory_failcnt', 'counter', 'Number of memory usage hits limits', (usage) => usage.memoryLimitHits],
  ['container_processes', 'gauge', 'Number of processes running inside the container.', (usage) => usage.pids],
];

type NetworkFigure = [name: string, help: string, value: (usage: InterfaceUsage) => number];

const networkFigures: NetworkFigure[] = [
  ['receive_bytes', 'Cumulative count of bytes received', ({ rxBytes }) => rxBytes],
  ['receive_errors', 'Cumulative count of errors encountered while receiving', ({ rxErrors }) => rxErrors],
  ['receive_packets', 'Cumulative count of packets received', ({ rxPackets }) => rxPackets],
  ['receive_packets_dropped', 'Cumulative count of packets dropped while receiving', ({ rxDropped }) => rxDropped],
  ['transmit_bytes', 'Cumulative count of bytes transmitted', ({ txBytes }) => txBytes],
  ['transmit_errors', 'Cumulative count of errors encountered while transmitting', ({ txErrors }) => txErrors],
  ['transmit_packets', 'Cumulative count of packets transmitted', ({ txPackets }) => txPackets],
  ['transmit_packets_dropped', 'Cumulative count of packets dropped while transmitting', ({ txDropped }) => txDropped],
];

/** `/metrics/cadvisor`, under the names that dashboards know (cadvisor/docs/storage/prometheus.md). */
export function cadvisorMetrics({ value: node, atMs }: Reading<NodeUsage>, facts: { cpus: number }): string {
  const groups = node.pods.flatMap((pod) => [groupOfPod(pod), ...pod.containers.map((one) => groupOf(pod, one))]);
  const timed = (samples: FamilySample[]): FamilySample[] => samples.map((sample) => ({ atMs, ...sample }));
  const all: Family[] = figures.map(([name, type, help, value, more]) => ({
    ...{ name, type, help },
    samples: timed(groups.map(({ labels, usage }) => ({ labels: { ...labels, ...more }, value: value(usage) }))),
  }));
  all.push(
    ...memoryFaults(groups),
    ...pressures(groups).map((family) => ({ ...family, samples: timed(family.samples) })),
    {
      name: 'container_start_time_seconds',
      type: 'gauge',
      help: 'Start time of the container since unix epoch in seconds.',
      samples: timed(groups.map(({ labels, startedAtMs }) => ({ labels, value: startedAtMs / 1000 }))),
    },
    {
      name: 'container_last_seen',
      type: 'gauge',
      help: 'Last time a container was seen by the exporter',
      samples: timed(groups.map(({ labels }) => ({ labels, value: Math.floor(atMs / 1000) }))),
    },
    ...limits(node),
    ...network(node, timed),
    machine('machine_cpu_cores', 'Number of logical CPU cores.', facts.cpus),
    machine('machine_memory_bytes', 'Amount of memory installed on the machine.', node.machine.memoryCapacityBytes),
  );
  return exposition(all);
}

const machine = (name: string, help: string, value: number): Family => ({
  ...{ name, help, type: 'gauge' },
  samples: [{ labels: {}, value }],
});

const groupOfPod = ({ pod, cgroup, usage, startedAtMs }: PodUsage): Group => ({
  labels: { container: '', id: cgroup, image: '', name: '', ...podLabels(pod) },
  usage,
  startedAtMs,
});

const groupOf = ({ pod }: PodUsage, { name, id, image, cgroup, usage, startedAtMs }: ContainerUsage): Group => ({
  labels: { container: name, id: cgroup, image, name: id, ...podLabels(pod) },
  usage,
  startedAtMs,
});

function memoryFaults(groups: readonly Group[]): Family[] {
  const samples = groups.flatMap(({ labels, usage }) => [
    { labels: { ...labels, failure_type: 'pgfault', scope: 'hierarchy' }, value: usage.pageFaults },
    { labels: { ...labels, failure_type: 'pgmajfault', scope: 'hierarchy' }, value: usage.majorPageFaults },
  ]);
  const help = 'Cumulative count of memory allocation failures.';
  return [{ name: 'container_memory_failures_total', type: 'counter', help, samples }];
}

const resourceWords = { cpu: 'CPU', memory: 'memory', io: 'IO' };

/** For how long all tasks of a group, or some of them, waited (KEP-4205); no line where the kernel does not tell. */
function pressures(groups: readonly Group[]): Family[] {
  const family = (resource: (typeof stallResources)[number], kind: 'full' | 'some'): Family => {
    const [word, what] =
      kind === 'full'
        ? ['stalled', 'no tasks in the container could make progress']
        : ['waiting', 'tasks in the container have waited'];
    return {
      name: `container_pressure_${resource}_${word}_seconds_total`,
      type: 'counter',
      help: `Total time duration ${what} due to ${resourceWords[resource]} congestion.`,
      samples: groups.flatMap(({ labels, usage }) => {
        const stalls = usage.stalls[resource];
        return stalls ? [{ labels, value: stalls[kind].total / 1e6 }] : [];
      }),
    };
  };
  return stallResources.flatMap((resource) => [family(resource, 'full'), family(resource, 'some')]);
}

/** What containers may use at most, from their specs; what is not limited has no line. */
function limits({ pods, machine: { memoryCapacityBytes } }: NodeUsage): Family[] {
  const all = pods.flatMap((pod) =>
    pod.containers.flatMap((one) => {
      const container = containerOf(pod.pod, one.name);
      if (!container) return [];
      return [
        { labels: groupOf(pod, one).labels, resources: containerResources(pod.pod, container, memoryCapacityBytes) },
      ];
    }),
  );
  const family = (name: string, help: string, read: (one: (typeof all)[0]['resources']) => number | undefined) => ({
    ...{ name, help, type: 'gauge' as const },
    samples: all.flatMap(({ labels, resources }) => {
      const value = read(resources);
      return value === undefined ? [] : [{ labels, value }];
    }),
  });
  return [
    family('container_spec_cpu_shares', 'CPU share of the container.', ({ cpuShares }) => cpuShares),
    family('container_spec_cpu_quota', 'CPU quota of the container.', ({ cpuQuota }) => cpuQuota),
    family('container_spec_cpu_period', 'CPU period of the container.', ({ cpuPeriod }) => cpuPeriod),
    family(
      'container_spec_memory_limit_bytes',
      'Memory limit for the container.',
      ({ memoryLimitInBytes }) => memoryLimitInBytes ?? 0,
    ),
  ];
}

function network({ pods }: NodeUsage, timed: (samples: FamilySample[]) => FamilySample[]): Family[] {
  const all = pods.flatMap((pod) =>
    pod.interfaces.map((usage) => ({ labels: { ...groupOfPod(pod).labels, interface: usage.name }, usage })),
  );
  return networkFigures.map(([name, help, value]) => ({
    ...{ name: `container_network_${name}_total`, help, type: 'counter' as const },
    samples: timed(all.map(({ labels, usage }) => ({ labels, value: value(usage) }))),
  }));
}
