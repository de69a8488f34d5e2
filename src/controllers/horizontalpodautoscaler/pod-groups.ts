import type { Pod } from '../../api/generated/types.ts';
import { podCondition } from '../pod-state.ts';
import type { PodSample, PodSamples } from './metrics.ts';

/** A pod's CPU is not believed for so long after its start, unless it is ready: starting is work too. */
const cpuInitializationMs = 300_000;
/** A pod that became unready so soon after its start never was ready. */
const initialReadinessMs = 30_000;

export interface PodGroups {
  ready: number;
  unready: Set<string>;
  missing: Set<string>;
  ignored: Set<string>;
}

/** Which pods' samples count. */
export function groupPods(
  pods: Pod[],
  samples: PodSamples,
  { resource, nowMs }: { resource: string; nowMs: number },
): PodGroups {
  const groups: PodGroups = { ready: 0, unready: new Set(), missing: new Set(), ignored: new Set() };
  for (const pod of pods) {
    const { name, deletionTimestamp } = pod.metadata;
    const sample = samples.get(name);
    if (deletionTimestamp || pod.status?.phase === 'Failed') groups.ignored.add(name);
    else if (pod.status?.phase === 'Pending') groups.unready.add(name);
    else if (!sample) groups.missing.add(name);
    else if (resource === 'cpu' && isStarting(pod, sample, nowMs)) groups.unready.add(name);
    else groups.ready++;
  }
  return groups;
}

function isStarting(pod: Pod, sample: PodSample, nowMs: number): boolean {
  const ready = podCondition(pod, 'Ready');
  const { startTime } = pod.status ?? {};
  if (!ready || !startTime) return true;
  const startMs = Date.parse(startTime);
  const sinceMs = Date.parse(ready.lastTransitionTime ?? startTime);
  if (startMs + cpuInitializationMs > nowMs) {
    return ready.status === 'False' || sample.timestampMs < sinceMs + sample.windowMs;
  }
  return ready.status === 'False' && startMs + initialReadinessMs > sinceMs;
}
