import type { Pod } from '../../api/generated/types.ts';
import type { ProbeKind } from '../worker/state.ts';
import type { Family } from './exposition.ts';
import { podLabels } from './resource-metrics.ts';

/** How often probes of a container went well or not, since this agent knows the pod. */
export interface ProbeCount {
  pod: Pod;
  container: string;
  kind: ProbeKind;
  successful: number;
  failed: number;
}

const types: Record<ProbeKind, string> = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' };

/** `/metrics/probes`, under upstream's names. */
export const probeMetrics = (counts: readonly ProbeCount[]): Family[] => [
  {
    name: 'prober_probe_total',
    type: 'counter',
    help: '[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.',
    samples: counts.flatMap(({ pod, container, kind, successful, failed }) =>
      Object.entries({ successful, failed })
        .filter(([, value]) => value > 0)
        .map(([result, value]) => ({
          labels: {
            ...{ container, ...podLabels(pod), pod_uid: pod.metadata.uid ?? '' },
            ...{ probe_type: types[kind], result },
          },
          value,
        })),
    ),
  },
];
