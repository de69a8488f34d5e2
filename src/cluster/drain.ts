import { nodes, pods } from '../api/generated/resources.ts';
import type { Eviction, Pod } from '../api/generated/types.ts';
import { isNotFound, isTooManyRequests } from '../api/meta/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { Client } from '../client/client.ts';
import { eventually } from './admin-client.ts';

/** Whether the scheduler may give the node pods. */
export async function setUnschedulable(client: Client, name: string, unschedulable: boolean): Promise<void> {
  await client.patch(nodes, { name }, { type: 'merge', body: { spec: { unschedulable: unschedulable || null } } });
}

/** True for a pod that a drain must move: not one of a DaemonSet, which would be made again here, nor a static or an ended one. */
export function mustMove({ metadata, status }: Pod): boolean {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const isStatic = metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
  return owner?.kind !== 'DaemonSet' && !isStatic && status.phase !== 'Succeeded' && status.phase !== 'Failed';
}

export const podsOn = async (client: Client, node: string): Promise<Pod[]> =>
  (await client.list(pods, { fieldSelector: `spec.nodeName=${node}` })).items;

/**
 * Takes a node out of use, as `kubectl drain` does: no new pods, and those that are there are evicted, as their disruption
 * budgets allow. Resolves when they are gone, with how many there were; rejects with the names of those that stay after `timeoutMs`.
 */
export async function drain(
  { clock, client }: { clock: Clock; client: Client },
  node: string,
  timeoutMs = 180_000,
): Promise<number> {
  await setUnschedulable(client, node, true);
  const moved = new Set<string>();
  let left = '';
  await eventually(clock, { what: `the pods of ${node} to go`, timeoutMs }, async () => {
    const there = (await podsOn(client, node)).filter(mustMove);
    for (const { metadata } of there) moved.add(metadata.uid ?? '');
    await Promise.all(there.filter(({ metadata }) => !metadata.deletionTimestamp).map((pod) => evict(client, pod)));
    left = there.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ');
    return there.length === 0 || undefined;
  }).catch((error: unknown) => {
    throw new Error(`node ${node} is not drained: ${left}`, { cause: error });
  });
  return moved.size;
}

/** A disruption budget that says no is asked again later. */
async function evict(client: Client, { metadata: { name, namespace, uid } }: Pod): Promise<void> {
  const kind = { apiVersion: 'policy/v1', kind: 'Eviction' };
  const body: Eviction = { ...kind, metadata: { name, namespace }, deleteOptions: { preconditions: { uid } } };
  await client.createSubresource(pods, { namespace, name }, 'eviction', body).catch((error: unknown) => {
    if (!isNotFound(error) && !isTooManyRequests(error)) throw error;
  });
}
