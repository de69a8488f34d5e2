import type { Reading } from '../../base/sample-window.ts';
import { exposition, type Family, type FamilySample } from './exposition.ts';
import { workingSetOf } from './machine-usage.ts';
import type { NodeUsage } from './usage-reader.ts';

/** `/metrics/resource`: what autoscalers and `top` live on, under upstream's names (kubelet/pkg/metrics/collectors/resource_metrics). */
export function resourceMetrics({ value: { machine, pods }, atMs }: Reading<NodeUsage>): string {
  const seconds = (ns: number) => ns / 1e9;
  const ofPods = pods.map(({ pod, usage }) => ({ labels: podLabels(pod), usage }));
  const ofContainers = pods.flatMap(({ pod, containers }) =>
    containers.map((one) => ({ labels: { container: one.name, ...podLabels(pod) }, ...one })),
  );
  const family = (name: string, type: Family['type'], help: string, samples: FamilySample[]): Family => ({
    ...{ name, type, help },
    samples: samples.map((sample) => ({ atMs, ...sample })),
  });
  const of = <T extends { labels: Record<string, string> }>(all: T[], value: (one: T) => number): FamilySample[] =>
    all.map((one) => ({ labels: one.labels, value: value(one) }));
  const node = (value: number): FamilySample[] => [{ labels: {}, value }];
  return exposition([
    family(
      'container_cpu_usage_seconds_total',
      'counter',
      '[STABLE] Cumulative cpu time consumed by the container in core-seconds',
      of(ofContainers, ({ usage }) => seconds(usage.cpuNs)),
    ),
    family(
      'container_memory_working_set_bytes',
      'gauge',
      '[STABLE] Current working set of the container in bytes',
      of(ofContainers, ({ usage }) => usage.workingSetBytes),
    ),
    family(
      'container_start_time_seconds',
      'gauge',
      '[STABLE] Start time of the container since unix epoch in seconds',
      of(ofContainers, ({ startedAtMs }) => startedAtMs / 1000),
    ),
    family(
      'container_swap_usage_bytes',
      'gauge',
      '[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems',
      of(ofContainers, ({ usage }) => usage.swapBytes),
    ),
    family(
      'node_cpu_usage_seconds_total',
      'counter',
      '[STABLE] Cumulative cpu time consumed by the node in core-seconds',
      node(seconds(machine.cpuNs)),
    ),
    family(
      'node_memory_working_set_bytes',
      'gauge',
      '[STABLE] Current working set of the node in bytes',
      node(workingSetOf(machine)),
    ),
    family(
      'node_swap_usage_bytes',
      'gauge',
      '[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems',
      node(machine.swapBytes),
    ),
    family(
      'pod_cpu_usage_seconds_total',
      'counter',
      '[STABLE] Cumulative cpu time consumed by the pod in core-seconds',
      of(ofPods, ({ usage }) => seconds(usage.cpuNs)),
    ),
    family(
      'pod_memory_working_set_bytes',
      'gauge',
      '[STABLE] Current working set of the pod in bytes',
      of(ofPods, ({ usage }) => usage.workingSetBytes),
    ),
    family(
      'pod_swap_usage_bytes',
      'gauge',
      '[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems',
      of(ofPods, ({ usage }) => usage.swapBytes),
    ),
    {
      name: 'resource_scrape_error',
      type: 'gauge',
      help: '[STABLE] 1 if there was an error while getting container metrics, 0 otherwise',
      samples: node(0),
    },
  ]);
}

export const podLabels = ({ metadata }: { metadata: { name: string; namespace?: string } }) => ({
  namespace: metadata.namespace ?? '',
  pod: metadata.name,
});
