import type { Pod, PodCondition } from '../api/generated/types.ts';

/** The PodScheduled condition that says why a pod has no node; undefined when it says so already. `now` in milliseconds. */
export function unschedulableCondition(
  pod: Pod,
  { reason, message }: { reason: string; message: string },
  now: number,
): PodCondition | undefined {
  const known = pod.status.conditions?.find((condition) => condition.type === 'PodScheduled');
  if (known?.status === 'False' && known.reason === reason && known.message === message) return undefined;
  return {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    observedGeneration: pod.metadata.generation,
    lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : timeText(now),
  };
}

/** As the API writes times: whole seconds. */
export const timeText = (now: number): string => new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
