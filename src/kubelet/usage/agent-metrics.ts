import { Metrics } from '../../base/metrics.ts';
import { countProcess } from '../../host/process-metrics.ts';
import type { PodState } from '../worker/state.ts';

/** The node agent's own figures under upstream's names (kubelet/pkg/metrics), counted when somebody asks. */
export function agentMetrics(
  pods: { states(): PodState[] },
  { nodeName, startedMs }: { nodeName: string; startedMs: number },
): Metrics {
  const metrics = new Metrics();
  metrics.gauge('kubelet_node_name', "[STABLE] The node's name. The count is always 1.", ['node'], () => [
    { labels: [nodeName], value: 1 },
  ]);
  metrics.gauge('kubelet_running_pods', '[BETA] Number of pods that have a running pod sandbox', [], () => [
    { labels: [], value: pods.states().filter(({ sandbox }) => sandbox?.isReady).length },
  ]);
  metrics.gauge('kubelet_active_pods', '[ALPHA] The number of pods the kubelet considers active', ['static'], () =>
    ['false'].map((label) => ({
      labels: [label],
      value: pods.states().filter(({ stage }) => stage === 'syncing' || stage === 'terminating').length,
    })),
  );
  metrics.gauge(
    'kubelet_running_containers',
    '[BETA] Number of containers currently running',
    ['container_state'],
    () => {
      const counts: Record<string, number> = { created: 0, exited: 0, running: 0 };
      for (const { containers } of pods.states()) {
        for (const { current } of Object.values(containers))
          if (current) counts[current.state] = (counts[current.state] ?? 0) + 1;
      }
      return Object.entries(counts).map(([label, value]) => ({ labels: [label], value }));
    },
  );
  countProcess(metrics, startedMs);
  return metrics;
}
