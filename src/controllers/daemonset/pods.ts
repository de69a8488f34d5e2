import { controllerrevisions, daemonsets, nodes, pods } from '../../api/generated/resources.ts';
import type { DaemonSet, Node, Pod } from '../../api/generated/types.ts';
import { groupVersion, keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { Snapshot } from '../../placement/snapshot.ts';
import { isEmptySelector, matchesSelector } from '../label-match.ts';
import { claim, controllerKeys, controllerOf, indexByController } from '../ownership.ts';
import { createPods, deletePods } from '../pod-control.ts';
import { msUntilAvailable } from '../pod-state.ts';
import { dropOldRevisions, ensureRevision } from '../revisions.ts';
import { type ControllerContext, defineController, done, inBatches, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { daemonPod, hashLabel } from './daemon-pod.ts';
import { eligibility } from './eligibility.ts';
import { FailureBackoff } from './failure-backoff.ts';
import { plan, type World } from './plan.ts';
import { daemonSetStatus } from './status.ts';

/** Creations per look at one DaemonSet at most; the rest follows in the next. */
const burst = 250;

/** Keeps one pod on every node that the set is meant for. */
export const daemonSetPods = defineController({
  name: 'daemonset.pods',
  serviceAccount: 'daemon-set-controller',
  eventSource: 'daemonset-controller',
  setup(context) {
    const { clock } = context;
    const all = context.informer(daemonsets);
    const allPods = context.informer(pods);
    const revisions = context.informer(controllerrevisions);
    const allNodes = context.informer(nodes);
    indexByController(allPods);
    indexByController(revisions);
    const snapshot = new Snapshot();
    allNodes.addHandler({
      added: (node) => snapshot.updateNode(node),
      updated: (_old, node) => snapshot.updateNode(node),
      deleted: (node) => snapshot.removeNode(node.metadata.name),
    });
    const failures = new FailureBackoff(clock);

    const keysOfPod = (pod: Pod): string[] => {
      if (controllerOf(pod)) return controllerKeys(daemonsets)(pod);
      const inNamespace = all.list(pod.metadata.namespace);
      return inNamespace.filter((set) => matchesSelector(set.spec.selector, pod.metadata.labels)).map(keyTextOf);
    };

    const sizeOf = (key: string): number => all.get(key)?.status?.desiredNumberScheduled ?? 0;

    return {
      watches: [
        watch(all, (set) => [keyTextOf(set)]),
        inBatches(watch(allPods, keysOfPod), sizeOf),
        watch(revisions, controllerKeys(daemonsets)),
        watch(allNodes, () => all.list().map(keyTextOf), movesDaemons),
      ],
      async reconcile(key, client) {
        const set = all.get(key);
        if (!set || set.metadata.deletionTimestamp) return done;
        if (isEmptySelector(set.spec.selector)) return refuseEmptySelector(context, set);
        const { selector, template, revisionHistoryLimit } = set.spec;
        const collisionCount = set.status?.collisionCount;
        const revisioned = { resource: daemonsets, owner: set, selector, template, collisionCount, hashLabel };
        const known = await ensureRevision(revisioned, { client, informer: revisions });
        const resources = { ownerResource: daemonsets, owner: set, resource: pods, informer: allPods };
        const own = await claim({ ...resources, selector, client });
        const hash = known.update.metadata.labels?.[hashLabel] ?? '';
        const w: World = { set, nodes: eligibility(snapshot, set), pods: own, hash, nowMs: clock.now() };
        // The status is written also when a step failed.
        let retryMs: number | undefined;
        const problem = await act(context, client, { w, failures }).then(
          (ms) => {
            retryMs = ms;
          },
          (error: unknown) => error ?? new Error('unknown'),
        );
        const status = daemonSetStatus(w, known.collisionCount);
        if (!sameJson(status, set.status)) {
          await client.update(daemonsets, { ...set, status }, { subresource: 'status' });
        }
        if (problem) throw problem;
        const hashes = new Set([hash, ...own.map((pod) => pod.metadata.labels?.[hashLabel])]);
        const used = (r: { metadata: { labels?: Record<string, string> } }) =>
          hashes.has(r.metadata.labels?.[hashLabel]);
        await dropOldRevisions(client, { all: known.all, used, limit: revisionHistoryLimit ?? 10 });
        const waits = [retryMs, msUntilNextAvailable(w)].filter((ms) => ms !== undefined);
        return waits.length > 0 ? requeueAfter(Math.min(...waits)) : done;
      },
    };
  },
});

const keyTextOf = (set: DaemonSet): string => keyText(keyOf(set));
const about = (set: DaemonSet) => ({ ...set, kind: 'DaemonSet', apiVersion: groupVersion(daemonsets) });

/** Heartbeats do not. */
const movesDaemons = (old: Node, node: Node): boolean =>
  !sameJson(old.metadata.labels, node.metadata.labels) ||
  !sameJson(old.spec?.taints, node.spec?.taints) ||
  old.spec?.unschedulable !== node.spec?.unschedulable;

function refuseEmptySelector({ recorder }: ControllerContext, set: DaemonSet) {
  const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
  recorder.event(about(set), 'Warning', 'SelectingAll', message);
  return done;
}

/** Answers after how many ms a failed pod may be replaced. */
async function act(
  context: ControllerContext,
  client: Client,
  { w, failures }: { w: World; failures: FailureBackoff },
): Promise<number | undefined> {
  const p = plan(w);
  let retryMs: number | undefined;
  for (const [node, ended] of p.ended) {
    const waitMs = ended.some((pod) => pod.status?.phase === 'Failed') ? failures.attempt(w.set, node) : 0;
    if (waitMs > 0) retryMs = Math.min(waitMs, retryMs ?? waitMs);
    else for (const pod of ended) tellEnded(context, w.set, { pod, node });
    if (waitMs === 0) p.delete.push(...ended);
  }
  const hands = { client, recorder: context.recorder, about: about(w.set) };
  const manifests = p.create.slice(0, burst).map((node) => daemonPod(w.set, node, w.hash));
  await Promise.all([createPods(hands, manifests), deletePods(hands, p.delete)]);
  return retryMs;
}

function tellEnded({ recorder }: ControllerContext, set: DaemonSet, { pod, node }: { pod: Pod; node: string }): void {
  const what = `${pod.metadata.namespace}/${pod.metadata.name} on node ${node}`;
  if (pod.status?.phase === 'Failed') {
    recorder.event(about(set), 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${what}, will try to kill it`);
  } else {
    recorder.event(
      about(set),
      'Normal',
      'SucceededDaemonPod',
      `Found succeeded daemon pod ${what}, will try to delete it`,
    );
  }
}

function msUntilNextAvailable({ set, pods: own, nowMs }: World): number | undefined {
  const waits = own
    .map((pod) => msUntilAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs) ?? 0)
    .filter((ms) => ms > 0);
  return waits.length > 0 ? Math.min(...waits) : undefined;
}
