import { pods, replicasets } from '../../api/generated/resources.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { groupVersion, keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { claim, controllerKeys, controllerOf, controllerReference, indexByController } from '../ownership.ts';
import { createPods, deletePods } from '../pod-control.ts';
import { isPodActive, isPodReady, isPodTerminal, msUntilAvailable } from '../pod-state.ts';
import { type ControllerContext, defineController, done, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { matchesSelector } from '../label-match.ts';
import { podFromTemplate } from '../pod-template.ts';
import { rankForDeletion } from '../deletion-rank.ts';
import { replicaSetStatus } from './status.ts';

/** Creations and deletions per look at one ReplicaSet at most; the rest follows in the next. */
const burst = 500;

/** Keeps as many pods of a ReplicaSet as its spec says. */
export const replicaSetReplicas = defineController({
  name: 'replicaset.replicas',
  serviceAccount: 'replicaset-controller',
  eventSource: 'replicaset-controller',
  setup(context) {
    const { clock } = context;
    const sets = context.informer(replicasets);
    const allPods = context.informer(pods);
    indexByController(allPods);
    indexByController(sets);

    const keysOfPod = (pod: Pod): string[] => {
      if (controllerOf(pod)) return controllerKeys(replicasets)(pod);
      return sets
        .list(pod.metadata.namespace)
        .filter((set) => matchesSelector(set.spec.selector, pod.metadata.labels))
        .map((set) => keyText(keyOf(set)));
    };

    return {
      watches: [watch(sets, (set) => [keyText(keyOf(set))]), watch(allPods, keysOfPod)],
      async reconcile(key, client) {
        const set = sets.get(key);
        if (!set) return done;
        const selector = set.spec.selector;
        const resources = { ownerResource: replicasets, owner: set, resource: pods };
        const claimed = await claim({ ...resources, informer: allPods, selector, client });
        const active = claimed.filter(isPodActive);
        const terminating = claimed.filter((pod) => pod.metadata.deletionTimestamp && !isPodTerminal(pod)).length;
        let problem: unknown;
        if (!set.metadata.deletionTimestamp) {
          // The status must say what failed, so it is written before the failure is passed on.
          problem = await scale(context, { client, set, active, related: relatedTo(set, active) }).then(
            () => undefined,
            (error: unknown) => error ?? new Error('unknown'),
          );
        }
        const input = { set, pods: active, terminating, nowMs: clock.now(), problem };
        await writeStatus(client, set, replicaSetStatus(input));
        if (problem) throw problem;
        return whenNextAvailable(set, active, clock.now());
      },
    };

    /** Pods of all sets with the same owner: on the node with most of them one is missed least. */
    function relatedTo(set: ReplicaSet, own: Pod[]): Pod[] {
      const owner = controllerOf(set);
      if (!owner) return own;
      const siblings = sets.index('controller', owner.uid);
      return siblings.flatMap((s) => allPods.index('controller', s.metadata.uid ?? '').filter(isPodActive));
    }
  },
});

interface Scale {
  client: Client;
  set: ReplicaSet;
  active: Pod[];
  related: Pod[];
}

async function scale(context: ControllerContext, { client, set, active, related }: Scale): Promise<void> {
  const hands = { client, recorder: context.recorder, about: aboutSet(set) };
  const missing = (set.spec.replicas ?? 1) - active.length;
  if (missing > 0) {
    const manifest = podFromTemplate(set.spec.template, set, controllerReference(replicasets, set));
    return createPods(
      hands,
      Array.from({ length: Math.min(missing, burst) }, () => manifest),
    );
  }
  if (missing < 0) {
    const ranked = rankForDeletion(active, related, context.clock.now());
    await deletePods(hands, ranked.slice(0, Math.min(-missing, burst)));
  }
}

async function writeStatus(client: Client, set: ReplicaSet, status: ReplicaSetStatus): Promise<void> {
  if (sameJson(set.status, status)) return;
  try {
    await client.update(replicasets, { ...set, status }, { subresource: 'status' });
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

const aboutSet = (set: ReplicaSet) => ({ ...set, kind: 'ReplicaSet', apiVersion: groupVersion(replicasets) });
