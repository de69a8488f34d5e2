import { pods } from '../api/generated/resources.ts';
import type { Pod } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { keyOf } from '../api/resource.ts';
import type { Client } from '../client/client.ts';
import { timeText } from './time-text.ts';

/** Why a pod is sent away, as its DisruptionTarget condition says it (KEP-3329). */
export interface DisruptionReason {
  readonly reason: string;
  readonly message: string;
}

/** Says why on the pod, then deletes it with its own grace period. One that is gone already is fine. */
export async function evictPod(client: Client, pod: Pod, why: DisruptionReason, nowMs: number): Promise<void> {
  const { uid } = pod.metadata;
  const condition = { type: 'DisruptionTarget', status: 'True', ...why, lastTransitionTime: timeText(nowMs) };
  const others = pod.status?.conditions?.filter((c) => c.type !== condition.type) ?? [];
  const body = { metadata: { uid }, status: { conditions: [...others, condition] } };
  try {
    await client.patch(pods, keyOf(pod), { type: 'merge', body }, { subresource: 'status' });
    await client.delete(pods, keyOf(pod), { preconditions: { uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
