import { pods } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { timeText } from '../pod-condition.ts';

interface Eviction {
  readonly client: Client;
  readonly recorder: EventRecorder;
  /** In milliseconds. */
  readonly now: number;
  /** For whom. */
  readonly pod: Pod;
  readonly node: string;
}

/** Sends the victims away, and takes the node from those it was promised to who are less important. */
export async function makeRoom(eviction: Eviction, victims: readonly Pod[], outbid: readonly Pod[]): Promise<void> {
  await Promise.all(victims.map((victim) => evict(victim, eviction)));
  const cleared = { type: 'merge' as const, body: { status: { nominatedNodeName: null } } };
  for (const other of outbid) await eviction.client.patch(pods, keyOf(other), cleared, { subresource: 'status' });
}

/** Sends a victim away: says why on it (KEP-3329), then deletes it with its own grace period. Who is going already is left. */
async function evict(victim: Pod, { client, recorder, now, pod, node }: Eviction): Promise<void> {
  if (victim.metadata.deletionTimestamp) return;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${pod.spec.schedulerName}: preempting to accommodate a higher priority pod`,
    observedGeneration: victim.metadata.generation,
    lastTransitionTime: timeText(now),
  };
  const patch = { type: 'strategic' as const, body: { status: { conditions: [condition] } } };
  try {
    await client.patch(pods, keyOf(victim), patch, { subresource: 'status' });
    await client.delete(pods, keyOf(victim), { preconditions: { uid: victim.metadata.uid } });
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  recorder.event(
    { ...victim, kind: 'Pod', apiVersion: 'v1' },
    'Normal',
    'Preempted',
    `Preempted by pod ${pod.metadata.uid} on node ${node}`,
  );
}
