import { readdirSync } from 'node:fs';
import type { Metrics } from '../base/metrics.ts';

/** What Prometheus' clients tell of their own process, read when somebody asks. */
export function countProcess(metrics: Metrics, startedMs: number): void {
  const figure = (name: string, help: string, read: () => number) =>
    metrics.gauge(name, help, [], () => [{ labels: [], value: read() }]);
  figure('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  figure('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () =>
    Math.round(startedMs / 1000),
  );
  figure('process_open_fds', 'Number of open file descriptors.', () => readdirSync('/proc/self/fd').length);
  figure('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
}
