import { podgroups, pods } from '../api/generated/resources.ts';
import type { Condition, Pod, PodGroup } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { keyOf } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import { timeText, unschedulableCondition } from './pod-condition.ts';

export interface WriteDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Report {
  readonly reason: string;
  readonly message: string;
  /** What of the status changes besides the condition. */
  readonly nomination?: { readonly nominatedNodeName?: string | null };
}

/** Says why a pod has no node: as an event, and as its condition when that is news. */
export async function reportFailure(deps: WriteDeps, pod: Pod, why: Report, recorder: EventRecorder): Promise<void> {
  recorder.event(referenceOf(pod), 'Warning', 'FailedScheduling', why.message);
  const condition = unschedulableCondition(pod, why, deps.clock.now());
  const status = { ...(condition && { conditions: [condition] }), ...why.nomination };
  if (Object.keys(status).length === 0) return;
  const patch = { type: 'strategic' as const, body: { status } };
  await deps.client.patch(pods, keyOf(pod), patch, { subresource: 'status' }).catch((error: unknown) => {
    if (!isNotFound(error)) deps.log.warn({ err: error, pod: pod.metadata.name }, 'condition not written');
  });
}

/**
 * Says where a pod is expected to go whose binding takes a while, so that nobody takes its node away meanwhile and a
 * scheduler that comes after this one chooses the same (NominatedNodeNameForExpectation, KEP-5278); `null`: no more. Nothing
 * depends on it.
 */
export async function reportExpected({ client, log }: WriteDeps, pod: Pod, node: string | null): Promise<void> {
  if (pod.status.nominatedNodeName === node) return;
  const body = { metadata: { uid: pod.metadata.uid }, status: { nominatedNodeName: node } };
  await client.patch(pods, keyOf(pod), { type: 'merge', body }, { subresource: 'status' }).catch((error: unknown) => {
    if (!isNotFound(error)) log.warn({ err: error, pod: pod.metadata.name }, 'expected node not written');
  });
}

/** Says whether a gang could be placed. */
export async function reportGang(
  { client, clock, log }: WriteDeps,
  group: PodGroup,
  said: Pick<Condition, 'status' | 'reason' | 'message'>,
): Promise<void> {
  const known = group.status?.conditions?.find(({ type }) => type === 'PodGroupScheduled');
  if (known?.status === said.status && known.reason === said.reason && known.message === said.message) return;
  const { generation: observedGeneration } = group.metadata;
  const lastTransitionTime = known?.status === said.status ? known.lastTransitionTime : timeText(clock.now());
  const condition = { type: 'PodGroupScheduled', ...said, observedGeneration, lastTransitionTime };
  const patch = { type: 'merge' as const, body: { status: { conditions: [condition] } } };
  await client.patch(podgroups, keyOf(group), patch, { subresource: 'status' }).catch((error: unknown) => {
    if (!isNotFound(error)) log.warn({ err: error, podGroup: group.metadata.name }, 'condition not written');
  });
}

export const referenceOf = (pod: Pod) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  name: pod.metadata.name,
  namespace: pod.metadata.namespace,
  uid: pod.metadata.uid ?? '',
  resourceVersion: pod.metadata.resourceVersion,
});
