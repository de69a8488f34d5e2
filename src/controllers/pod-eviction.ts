import { pods } from '../api/generated/resources.ts';
import type { Pod } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { groupVersion, keyOf } from '../api/resource.ts';
import type { Client } from '../client/client.ts';
import { type ControllerContext, done, requeueAfter, type Result } from './runtime.ts';
import { timeText } from './time-text.ts';

/** Why a pod is sent away, as its DisruptionTarget condition says it (KEP-3329). */
export interface DisruptionReason {
  readonly reason: string;
  readonly message: string;
}

/** When a pod has to go, why, and how the Event says it. */
export interface Eviction {
  /** Undefined: it may stay. */
  dueMs: number | undefined;
  why: DisruptionReason;
  event: { reason: string; message: string };
}

/** Lets a pod stay until it is due, then sends it away; answers when to look again. */
export async function evictWhenDue(
  { clock, recorder }: Pick<ControllerContext, 'clock' | 'recorder'>,
  client: Client,
  pod: Pod,
  { dueMs, why, event }: Eviction,
): Promise<Result> {
  if (dueMs === undefined) return done;
  if (dueMs > clock.now()) return requeueAfter(dueMs - clock.now());
  const about = { ...pod, kind: 'Pod', apiVersion: groupVersion(pods) };
  recorder.event(about, 'Normal', event.reason, event.message);
  await evictPod(client, pod, why, clock.now());
  return done;
}

/** Says why on the pod, then deletes it with its own grace period. One that is gone already is fine. */
async function evictPod(client: Client, pod: Pod, why: DisruptionReason, nowMs: number): Promise<void> {
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
