import { controllerrevisions, persistentvolumeclaims, pods, statefulsets } from '../../api/generated/resources.ts';
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { groupVersion, keyOf, keyText } from '../../api/resource.ts';
import { isEmptySelector, matchesSelector } from '../label-match.ts';
import { claim, controllerKeys, controllerOf, indexByController } from '../ownership.ts';
import { msUntilAvailable } from '../pod-state.ts';
import { dropOldRevisions, ensureRevision, type Revisions } from '../revisions.ts';
import { defineController, done, inBatches, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { isMember, parsePodName, revisionOf } from './identity.ts';
import { isGoing, isRunningAndReady, plan, type World } from './plan.ts';
import { statefulSetStatus } from './status.ts';
import { carryOut, followRetention, type Hands } from './steps.ts';

/** Keeps pods with a name, an order and claims of their own. */
export const statefulSetReplicas = defineController({
  name: 'statefulset.replicas',
  serviceAccount: 'statefulset-controller',
  eventSource: 'statefulset-controller',
  setup(context) {
    const { clock, recorder } = context;
    const all = context.informer(statefulsets);
    const allPods = context.informer(pods);
    const revisions = context.informer(controllerrevisions);
    const claims = context.informer(persistentvolumeclaims);
    indexByController(allPods);
    indexByController(revisions);

    const keysOfPod = (pod: Pod): string[] => {
      if (controllerOf(pod)) return controllerKeys(statefulsets)(pod);
      const inNamespace = all.list(pod.metadata.namespace);
      return inNamespace
        .filter((set) => isMember(set, pod) && matchesSelector(set.spec.selector, pod.metadata.labels))
        .map((set) => keyText(keyOf(set)));
    };

    const replicasOf = (key: string): number => all.get(key)?.spec.replicas ?? 0;

    return {
      watches: [
        watch(all, (set) => [keyText(keyOf(set))]),
        inBatches(watch(allPods, keysOfPod), replicasOf),
        watch(claims, keysOfClaim),
        watch(revisions, controllerKeys(statefulsets)),
      ],
      async reconcile(key, client) {
        const set = all.get(key);
        const selector = set?.spec.selector;
        if (!set || isEmptySelector(selector)) return done;
        const { template, selector: ownSelector } = set.spec;
        const collisionCount = set.status?.collisionCount;
        const revisioned = { resource: statefulsets, owner: set, selector: ownSelector, template, collisionCount };
        const known = await ensureRevision({ ...revisioned, hashLabel }, { client, informer: revisions });
        const resources = { ownerResource: statefulsets, owner: set, resource: pods, informer: allPods };
        const own = await claim({ ...resources, selector, client, filter: (pod) => isMember(set, pod) });
        const w = worldOf(set, own, known, clock.now());
        const hands: Hands = { client, claims, recorder, set, about: { ...set, ...aboutKind } };
        // The status is written also when a step failed.
        const problem = await act(hands, w, known).catch((error: unknown) => error ?? new Error('unknown'));
        const status = statefulSetStatus(w, known.collisionCount);
        if (!sameJson(status, set.status)) {
          await client.update(statefulsets, { ...set, status }, { subresource: 'status' });
        }
        if (problem) throw problem;
        const used = usedRevisions(w);
        await dropOldRevisions(client, { all: known.all, used, limit: set.spec.revisionHistoryLimit ?? 10 });
        return whenAvailable(w);
      },
    };
  },
});

const hashLabel = 'controller.kubernetes.io/hash';
const aboutKind = { kind: 'StatefulSet', apiVersion: groupVersion(statefulsets) };

function worldOf(set: StatefulSet, own: Pod[], { update, all }: Revisions, nowMs: number): World {
  const current = all.find((r) => r.metadata.name === set.status?.currentRevision) ?? update;
  return { set, pods: own, currentRevision: current.metadata.name, updateRevision: update.metadata.name, nowMs };
}

async function act(hands: Hands, w: World, { all }: Revisions): Promise<void> {
  for (const pod of w.pods) if (!isGoing(pod)) await followRetention(hands, pod);
  await carryOut(hands, plan(w), all);
}

function usedRevisions(w: World): (revision: ControllerRevision) => boolean {
  const used = new Set([w.currentRevision, w.updateRevision, ...w.pods.map(revisionOf)]);
  return ({ metadata }) => used.has(metadata.name);
}

/** A claim that went with an older pod makes room for a fresh one. */
function keysOfClaim({ metadata }: PersistentVolumeClaim): string[] {
  const owner = controllerOf({ metadata });
  const set = owner?.kind === 'Pod' ? parsePodName(owner.name)?.set : undefined;
  return set ? [keyText({ namespace: metadata.namespace, name: set })] : [];
}

function whenAvailable({ set, pods: own, nowMs }: World) {
  const minReady = set.spec.minReadySeconds ?? 0;
  const waits = own.filter(isRunningAndReady).map((pod) => msUntilAvailable(pod, minReady, nowMs) ?? 0);
  const next = waits.filter((ms) => ms > 0);
  return next.length > 0 ? requeueAfter(Math.min(...next)) : done;
}
