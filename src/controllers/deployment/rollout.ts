import { deployments, pods, replicasets } from '../../api/generated/resources.ts';
import type { Deployment } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { isEmptySelector, matchesSelector } from '../label-match.ts';
import { claim, controllerKeys, controllerOf, indexByController } from '../ownership.ts';
import { isPodTerminal } from '../pod-state.ts';
import { defineController, done, guardAfter, type Result, watch } from '../runtime.ts';
import { conditionOf } from './conditions.ts';
import { ensureCurrentSet, writeProgress } from './current-set.ts';
import { byAge, isRolling, replicasOf, revisionOf } from './numbers.ts';
import { stepRolling } from './rolling.ts';
import { aboutDeployment, isActive, type Rollout, scaleTo, writeStatus } from './rollout-state.ts';
import { isScalingEvent, scaleDeployment } from './scale.ts';
import { countedStatus, isComplete, syncRolloutStatus } from './status.ts';
import { isSameTemplate } from '../template-hash.ts';

/** Moves a deployment's pods from one ReplicaSet to the next. */
export const deploymentRollout = defineController({
  name: 'deployment.rollout',
  serviceAccount: 'deployment-controller',
  eventSource: 'deployment-controller',
  setup(context) {
    const all = context.informer(deployments);
    const sets = context.informer(replicasets);
    const allPods = context.informer(pods);
    indexByController(sets);
    indexByController(allPods);

    const keysOfSet = (set: Parameters<typeof controllerOf>[0]): string[] => {
      if (controllerOf(set)) return controllerKeys(deployments)(set);
      const inNamespace = all.list(set.metadata.namespace);
      return inNamespace.filter((d) => matchesSelector(d.spec.selector, set.metadata.labels)).map(keyTextOf);
    };
    /** Recreate waits until the last old pod is gone; nothing else here looks at pods. */
    const keysOfPod = (pod: Parameters<typeof controllerOf>[0]): string[] => {
      const owner = controllerOf(pod);
      const set = owner && sets.get({ namespace: pod.metadata.namespace, name: owner.name });
      return set ? keysOfSet(set).filter((key) => all.get(key)?.spec.strategy?.type === 'Recreate') : [];
    };

    return {
      watches: [watch(all, (d) => [keyTextOf(d)]), watch(sets, keysOfSet), watch(allPods, keysOfPod)],
      async reconcile(key, client) {
        const deployment = all.get(key);
        if (!deployment) return done;
        const r: Rollout = { context, client, deployment, current: undefined, old: [], pods: () => [] };
        if (isEmptySelector(deployment.spec.selector)) return refuseEmptySelector(r);
        const { selector } = deployment.spec;
        const resources = { ownerResource: deployments, owner: deployment, resource: replicasets };
        const claimed = (await claim({ ...resources, informer: sets, selector, client })).sort(byAge);
        r.current = claimed.find((set) => isSameTemplate(set.spec.template, deployment.spec.template));
        r.old = claimed.filter((set) => set !== r.current);
        r.pods = () => claimed.flatMap((set) => allPods.index('controller', set.metadata.uid ?? ''));
        return reconcileRollout(r);
      },
    };
  },
});

const keyTextOf = (d: Deployment): string => keyText(keyOf(d));

async function reconcileRollout(r: Rollout): Promise<Result> {
  if (r.deployment.metadata.deletionTimestamp) {
    await writeStatus(r, countedStatus(r));
    return done;
  }
  await notePause(r);
  if (r.deployment.spec.paused || isScalingEvent(r)) {
    await ensureCurrentSet(r, { create: false });
    await scaleDeployment(r);
    if (r.deployment.spec.paused) await cleanUp(r);
    await writeStatus(r, countedStatus(r));
    return done;
  }
  await (isRolling(r.deployment) ? roll(r) : recreate(r));
  const deadlineMs = await syncRolloutStatus(r);
  return deadlineMs === undefined ? done : guardAfter(deadlineMs);
}

async function roll(r: Rollout): Promise<void> {
  await ensureCurrentSet(r, { create: true });
  if (await stepRolling(r)) return;
  if (isComplete(r, r.deployment.status)) await cleanUp(r);
}

async function recreate(r: Rollout): Promise<void> {
  await ensureCurrentSet(r, { create: false });
  const active = r.old.filter(isActive);
  for (const set of active) await scaleTo(r, set, 0);
  if (active.length > 0 || hasOldPods(r)) return;
  await ensureCurrentSet(r, { create: true });
  if (r.current) await scaleTo(r, r.current, replicasOf(r.deployment));
  if (isComplete(r, r.deployment.status)) await cleanUp(r);
}

/** A pod that is being deleted still runs; one that has finished does not. */
const hasOldPods = (r: Rollout): boolean =>
  r.pods().some((pod) => controllerOf(pod)?.uid !== r.current?.metadata.uid && !isPodTerminal(pod));

/** Time spent paused does not count against the progress deadline. */
async function notePause(r: Rollout): Promise<void> {
  const reason = conditionOf(r.deployment.status, 'Progressing')?.reason;
  if (reason === 'ProgressDeadlineExceeded') return;
  const isNoted = reason === 'DeploymentPaused';
  if (r.deployment.spec.paused && !isNoted) {
    await writeProgress(r, { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' });
  } else if (!r.deployment.spec.paused && isNoted) {
    await writeProgress(r, { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' });
  }
}

/** Deletes old sets that are empty, except as many as the history keeps. */
async function cleanUp(r: Rollout): Promise<void> {
  const limit = r.deployment.spec.revisionHistoryLimit;
  if (limit === undefined) return;
  const history = r.old.filter((set) => !set.metadata.deletionTimestamp);
  history.sort((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b));
  for (const set of history.slice(0, Math.max(0, history.length - limit))) {
    const { status, metadata } = set;
    const isBehind = (metadata.generation ?? 0) > (status?.observedGeneration ?? 0);
    if ((status?.replicas ?? 0) !== 0 || replicasOf(set) !== 0 || isBehind) continue;
    try {
      await r.client.delete(replicasets, keyOf(set), { preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

async function refuseEmptySelector(r: Rollout): Promise<Result> {
  const message = 'This deployment is selecting all pods. A non-empty selector is required.';
  r.context.recorder.event(aboutDeployment(r), 'Warning', 'SelectingAll', message);
  const { generation } = r.deployment.metadata;
  if ((r.deployment.status?.observedGeneration ?? 0) < (generation ?? 0)) {
    await writeStatus(r, { ...r.deployment.status, observedGeneration: generation });
  }
  return done;
}
