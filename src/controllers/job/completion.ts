import { jobs, pods } from '../../api/generated/resources.ts';
import type { Job, JobStatus, Pod } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { groupVersion, keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { matchesSelector } from '../label-match.ts';
import { claim, controllerKeys, controllerOf, indexByController } from '../ownership.ts';
import { createPods, deletePods, type PodHands } from '../pod-control.ts';
import { type ControllerContext, defineController, done, inBatches, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { demandOf } from './demand.ts';
import { isTracked, manifestOf, trackingFinalizer } from './job-pods.ts';
import { decided, isFinished, msUntilDeadline, outcomeOf } from './outcome.ts';
import { jobStatus, saidOf } from './status.ts';
import { type Tally, tally } from './tally.ts';

const jobNameLabel = 'batch.kubernetes.io/job-name';
const ownName = 'kubernetes.io/job-controller';

/** Runs the pods of a Job until enough have succeeded or too many have failed. */
export const jobCompletion = defineController({
  name: 'job.completion',
  serviceAccount: 'job-controller',
  eventSource: 'job-controller',
  setup(context) {
    const { clock, recorder } = context;
    const all = context.informer(jobs);
    const allPods = context.informer(pods);
    indexByController(allPods);
    allPods.addIndex(byJobName, trackedJob);

    /** Of an orphan: jobs that may take it in, and the one whose name it bears, which may be gone. */
    const keysOfPod = (pod: Pod): string[] => {
      if (controllerOf(pod)) return controllerKeys(jobs)(pod);
      const { namespace, labels } = pod.metadata;
      const matching = all.list(namespace).filter((job) => matchesSelector(job.spec.selector, labels));
      const name = isTracked(pod) ? labels?.[jobNameLabel] : undefined;
      return [...matching.map((job) => keyText(keyOf(job))), ...(name ? [keyText({ namespace, name })] : [])];
    };

    const parallelismOf = (key: string): number => all.get(key)?.spec.parallelism ?? 0;

    return {
      watches: [watch(all, (job) => [keyText(keyOf(job))]), inBatches(watch(allPods, keysOfPod), parallelismOf)],
      async reconcile(key, client) {
        const job = all.get(key);
        await release(client, podsLeftBy(key, job));
        if (!job) return done;
        if (job.spec.managedBy && job.spec.managedBy !== ownName) return done;
        if (isFinished(job)) {
          await release(client, allPods.index('controller', job.metadata.uid ?? ''));
          return done;
        }
        const resources = { ownerResource: jobs, owner: job, resource: pods, informer: allPods };
        const finalizer = trackingFinalizer;
        const own = await claim({ ...resources, selector: job.spec.selector, client, finalizer });
        const nowMs = clock.now();
        const isGoing = job.metadata.deletionTimestamp !== undefined;
        let t = tally(job, own, { isEnding: isGoing || decided(job) !== undefined });
        const outcome = outcomeOf(job, t, nowMs);
        if (outcome) t = tally(job, own, { isEnding: true });
        const hands: PodHands = { client, recorder, about: about(job) };
        const retryMs = outcome ? await deletePods(hands, t.active) : await meetDemand(hands, job, { own, t, nowMs });
        await writeStatus(context, client, { job, status: jobStatus(job, t, { outcome, nowMs }) });
        // Only now: a pod that is not noted in the status must not vanish uncounted.
        await release(client, t.released);
        const waits = [retryMs, msUntilDeadline(job, nowMs)].filter((ms) => ms !== undefined);
        return waits.length > 0 && !outcome ? requeueAfter(Math.min(...waits)) : done;
      },
    };

    /** Counted by nobody any more: their Job is gone. There may be another of the same name, which may take in orphans. */
    function podsLeftBy(key: string, job: Job | undefined): Pod[] {
      return allPods.index(byJobName, key).filter((pod) => {
        const owner = controllerOf(pod);
        return owner ? owner.uid !== job?.metadata.uid : !job;
      });
    }
  },
});

const byJobName = 'trackedJob';

/** The key of the Job whose name a tracked pod bears. */
function trackedJob(pod: Pod): string[] {
  if (!isTracked(pod)) return [];
  const { namespace, labels } = pod.metadata;
  const owner = controllerOf(pod);
  const name = owner ? owner.kind === 'Job' && owner.name : labels?.[jobNameLabel];
  return name ? [keyText({ namespace, name })] : [];
}

const about = (job: Job) => ({ ...job, kind: 'Job', apiVersion: groupVersion(jobs) });

/** Brings the running pods to what is wanted. Answers when to look again, if the clock decides. */
async function meetDemand(
  hands: PodHands,
  job: Job,
  { own, t, nowMs }: { own: Pod[]; t: Tally; nowMs: number },
): Promise<number | undefined> {
  const demand = demandOf(job, t, { pods: own, nowMs });
  // Those that the job itself takes away are no failures: they are let go uncounted.
  await release(hands.client, demand.delete);
  await deletePods(hands, demand.delete);
  await createPods(
    hands,
    demand.create.map((wish) => manifestOf(job, wish)),
  );
  return demand.retryMs;
}

async function writeStatus(
  { recorder }: ControllerContext,
  client: Client,
  { job, status }: { job: Job; status: JobStatus },
): Promise<void> {
  if (sameJson(status, job.status)) return;
  await client.update(jobs, { ...job, status }, { subresource: 'status' });
  for (const { type, reason, message } of saidOf(job, status)) recorder.event(about(job), type, reason, message);
}

async function release(client: Client, counted: Pod[]): Promise<void> {
  await Promise.all(
    counted.filter(isTracked).map(async (pod) => {
      const { uid, finalizers = [] } = pod.metadata;
      const kept = finalizers.filter((f) => f !== trackingFinalizer);
      // With what was seen: a finalizer that somebody added meanwhile is a conflict.
      const { resourceVersion } = pod.metadata;
      const body = { metadata: { uid, resourceVersion, finalizers: kept.length > 0 ? kept : null } };
      try {
        await client.patch(pods, keyOf(pod), { type: 'merge', body });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }),
  );
}
