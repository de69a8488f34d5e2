import type { Reading } from '../../base/sample-window.ts';
import type { CgroupUsage } from '../cgroup/usage.ts';
import { exposition, type Family } from './exposition.ts';
import { type MachineUsage, workingSetOf } from './machine-usage.ts';
import type { NodeUsage } from './usage-reader.ts';

type Figure<T> = [name: string, type: Family['type'], help: string, value: (of: T) => number];

const containerFigures: Figure<{ usage: CgroupUsage; startedAtMs: number }>[] = [
  [
    'container_cpu_usage_seconds_total',
    'counter',
    '[STABLE] Cumulative cpu time consumed by the container in core-seconds',
    ({ usage }) => usage.cpuNs / 1e9,
  ],
  [
    'container_memory_working_set_bytes',
    'gauge',
    '[STABLE] Current working set of the container in bytes',
    ({ usage }) => usage.workingSetBytes,
  ],
  [
    'container_start_time_seconds',
    'gauge',
    '[STABLE] Start time of the container since unix epoch in seconds',
    ({ startedAtMs }) => startedAtMs / 1000,
  ],
  [
    'container_swap_usage_bytes',
    'gauge',
    '[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems',
    ({ usage }) => usage.swapBytes,
  ],
];

const nodeFigures: Figure<MachineUsage>[] = [
  [
    'node_cpu_usage_seconds_total',
    'counter',
    '[STABLE] Cumulative cpu time consumed by the node in core-seconds',
    ({ cpuNs }) => cpuNs / 1e9,
  ],
  ['node_memory_working_set_bytes', 'gauge', '[STABLE] Current working set of the node in bytes', workingSetOf],
  [
    'node_swap_usage_bytes',
    'gauge',
    '[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems',
    ({ swapBytes }) => swapBytes,
  ],
];

const podFigures: Figure<CgroupUsage>[] = [
  [
    'pod_cpu_usage_seconds_total',
    'counter',
    '[STABLE] Cumulative cpu time consumed by the pod in core-seconds',
    ({ cpuNs }) => cpuNs / 1e9,
  ],
  [
    'pod_memory_working_set_bytes',
    'gauge',
    '[STABLE] Current working set of the pod in bytes',
    ({ workingSetBytes }) => workingSetBytes,
  ],
  [
    'pod_swap_usage_bytes',
    'gauge',
    '[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems',
    ({ swapBytes }) => swapBytes,
  ],
];

/** `/metrics/resource`: what autoscalers and `top` live on, under upstream's names (kubelet/pkg/metrics/collectors/resource_metrics). */
export function resourceMetrics({ value: { machine, pods }, atMs }: Reading<NodeUsage>): string {
  const families = <T>(figures: Figure<T>[], all: { labels: Record<string, string>; of: T }[]): Family[] =>
    figures.map(([name, type, help, value]) => ({
      ...{ name, type, help },
      samples: all.map(({ labels, of }) => ({ labels, value: value(of), atMs })),
    }));
  const containers = pods.flatMap((one) =>
    one.containers.map((of) => ({ labels: { container: of.name, ...podLabels(one.pod) }, of })),
  );
  const error: Family = {
    name: 'resource_scrape_error',
    type: 'gauge',
    help: '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise',
    samples: [{ labels: {}, value: 0 }],
  };
  return exposition([
    ...families(containerFigures, containers),
    ...families(nodeFigures, [{ labels: {}, of: machine }]),
    ...families(
      podFigures,
      pods.map(({ pod, usage }) => ({ labels: podLabels(pod), of: usage })),
    ),
    error,
  ]);
}

export const podLabels = ({ metadata }: { metadata: { name: string; namespace?: string } }) => ({
  namespace: metadata.namespace ?? '',
  pod: metadata.name,
});
