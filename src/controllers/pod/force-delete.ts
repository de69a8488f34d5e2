import { pods } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { isPodTerminal } from '../pod-state.ts';
import { timeText } from '../time-text.ts';

/**
 * Ends a pod that nobody else can end: it is failed first, so that those who count pods know (KEP-3329), and gone then. With
 * a reason it was disrupted.
 */
export async function forceDelete(
  client: Client,
  pod: Pod,
  { nowMs, disruption }: { nowMs: number; disruption?: string },
): Promise<void> {
  const { uid } = pod.metadata;
  try {
    if (!isPodTerminal(pod)) {
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        observedGeneration: pod.metadata.generation,
        lastTransitionTime: timeText(nowMs),
        reason: 'DeletionByPodGC',
        message: disruption,
      };
      const status = { phase: 'Failed', ...(disruption ? { conditions: [condition] } : {}) };
      const body = { metadata: { uid }, status };
      await client.patch(pods, keyOf(pod), { type: 'strategic', body }, { subresource: 'status' });
    }
    await client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
