import { pods, replicasets } from '../../api/generated/resources.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { groupVersion, type KubeObject, keyOf, keyText, type Resource } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { claim, controllerKeys, controllerOf, controllerReference, indexByController } from '../ownership.ts';
import { createPods, deletePods } from '../pod-control.ts';
import { isPodActive, isPodReady, isPodTerminal, msUntilAvailable } from '../pod-state.ts';
import {
  type ControllerContext,
  type ControllerDefinition,
  defineController,
  done,
  inBatches,
  requeueAfter,
  watch,
} from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { matchesSelector } from '../label-match.ts';
import { podFromTemplate } from '../pod-template.ts';
import { rankForDeletion } from '../deletion-rank.ts';
import { replicaSetStatus } from './status.ts';

/** Creations and deletions per look at one ReplicaSet at most; the rest follows in the next. */
const burst = 500;

/** What keeps pods in number: ReplicaSets, and ReplicationControllers seen as such. */
export interface ReplicaOwner<T extends KubeObject> {
  name: string;
  serviceAccount: string;
  eventSource: string;
  resource: Resource<T>;
  viewOf(object: T): ReplicaSet;
  /** Fields that the status of this kind does not have. */
  without?: readonly (keyof ReplicaSetStatus)[];
}

/** Keeps as many pods as the spec of their owner says. */
export const defineReplicas = <T extends KubeObject>(kind: ReplicaOwner<T>): ControllerDefinition =>
  defineController({
    name: kind.name,
    serviceAccount: kind.serviceAccount,
    eventSource: kind.eventSource,
    setup(context) {
      const { clock } = context;
      const owners = context.informer(kind.resource);
      const allPods = context.informer(pods);
      indexByController(allPods);
      indexByController(owners);

      const keysOfPod = (pod: Pod): string[] => {
        if (controllerOf(pod)) return controllerKeys(kind.resource)(pod);
        return owners
          .list(pod.metadata.namespace)
          .filter((owner) => matchesSelector(kind.viewOf(owner).spec.selector, pod.metadata.labels))
          .map((owner) => keyText(keyOf(owner)));
      };
      const replicasOf = (key: string): number => {
        const owner = owners.get(key);
        return owner ? (kind.viewOf(owner).spec.replicas ?? 1) : 0;
      };
      /** Pods of all with the same owner: on the node with most of them one is missed least. */
      const relatedTo = (set: ReplicaSet, own: Pod[]): Pod[] => {
        const owner = controllerOf(set);
        if (!owner) return own;
        const siblings = owners.index('controller', owner.uid);
        return siblings.flatMap((s) => allPods.index('controller', s.metadata.uid ?? '').filter(isPodActive));
      };

      return {
        watches: [watch(owners, (owner) => [keyText(keyOf(owner))]), inBatches(watch(allPods, keysOfPod), replicasOf)],
        async reconcile(key, client) {
          const owner = owners.get(key);
          if (!owner) return done;
          const set = kind.viewOf(owner);
          const resources = { ownerResource: kind.resource, owner, resource: pods, informer: allPods };
          const claimed = await claim({ ...resources, selector: set.spec.selector, client });
          const active = claimed.filter(isPodActive);
          const terminating = claimed.filter((pod) => pod.metadata.deletionTimestamp && !isPodTerminal(pod)).length;
          let problem: unknown;
          if (!set.metadata.deletionTimestamp) {
            // The status must say what failed, so it is written before the failure is passed on.
            const related = () => relatedTo(set, active);
            problem = await scale(context, client, { resource: kind.resource, set, active, related }).then(
              () => undefined,
              (error: unknown) => error ?? new Error('unknown'),
            );
          }
          const status = replicaSetStatus({ set, pods: active, terminating, nowMs: clock.now(), problem });
          for (const field of kind.without ?? []) delete status[field];
          if (!sameJson(set.status, status)) await writeStatus(client, kind.resource, { ...owner, status });
          if (problem) throw problem;
          return whenNextAvailable(set, active, clock.now());
        },
      };
    },
  });

export const replicaSetReplicas = defineReplicas<ReplicaSet>({
  name: 'replicaset.replicas',
  serviceAccount: 'replicaset-controller',
  eventSource: 'replicaset-controller',
  resource: replicasets,
  viewOf: (set) => set,
});

interface Scale {
  resource: Resource;
  set: ReplicaSet;
  active: Pod[];
  related(): Pod[];
}

async function scale(
  context: ControllerContext,
  client: Client,
  { resource, set, active, related }: Scale,
): Promise<void> {
  const about = { ...set, kind: resource.kind, apiVersion: groupVersion(resource) };
  const hands = { client, recorder: context.recorder, about };
  const missing = (set.spec.replicas ?? 1) - active.length;
  if (missing > 0) {
    const manifest = podFromTemplate(set.spec.template, set, controllerReference(resource, set));
    return createPods(
      hands,
      Array.from({ length: Math.min(missing, burst) }, () => manifest),
    );
  }
  if (missing < 0) {
    const ranked = rankForDeletion(active, related(), context.clock.now());
    await deletePods(hands, ranked.slice(0, Math.min(-missing, burst)));
  }
}

async function writeStatus<T extends KubeObject>(client: Client, resource: Resource<T>, changed: T): Promise<void> {
  try {
    await client.update(resource, changed, { subresource: 'status' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function whenNextAvailable(set: ReplicaSet, active: Pod[], nowMs: number) {
  const minReady = set.spec.minReadySeconds ?? 0;
  const waits = active
    .filter(isPodReady)
    .map((pod) => msUntilAvailable(pod, minReady, nowMs) ?? 0)
    .filter((ms) => ms > 0);
  return waits.length > 0 ? requeueAfter(Math.min(...waits)) : done;
}
