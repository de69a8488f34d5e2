import { jobs, pods } from '../../api/generated/resources.ts';
import type { Job, JobStatus, Pod } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { groupVersion, keyOf, keyText, type Manifest, parseKey } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { claim, controllerKeys, controllerOf, controllerReference, indexByController } from '../ownership.ts';
import { isPodReady } from '../pod-state.ts';
import { podFromTemplate } from '../pod-template.ts';
import { type ControllerContext, defineController, done, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { slowStart } from '../slow-start.ts';
import { timeText } from '../time-text.ts';
import { isFinished, msUntilDeadline, type Outcome, outcomeOf, withCondition } from './outcome.ts';
import { msUntilRetry } from './retry.ts';
import { indexOf, isIndexed, isTracked, type Tally, tally, trackingFinalizer } from './tally.ts';

const indexName = 'batch.kubernetes.io/job-completion-index';

/** Runs the pods of a Job until enough have succeeded or too many have failed. */
export const jobCompletion = defineController({
  name: 'job.completion',
  serviceAccount: 'job-controller',
  eventSource: 'job-controller',
  setup(context) {
    const { clock } = context;
    const all = context.informer(jobs);
    const allPods = context.informer(pods);
    indexByController(allPods);
    return {
      watches: [watch(all, (job) => [keyText(keyOf(job))]), watch(allPods, controllerKeys(jobs))],
      async reconcile(key, client) {
        const job = all.get(key);
        if (!job) {
          await release(client, podsOfGone(key));
          return done;
        }
        if (job.spec.managedBy && job.spec.managedBy !== 'kubernetes.io/job-controller') return done;
        if (isFinished(job)) {
          await release(client, allPods.index('controller', job.metadata.uid ?? ''));
          return done;
        }
        const resources = { ownerResource: jobs, owner: job, resource: pods };
        const own = await claim({ ...resources, informer: allPods, selector: job.spec.selector, client });
        const t = tally(job, own);
        const outcome = outcomeOf(job, t, clock.now());
        const waitMs = outcome ? await end(client, t) : await run(context, client, { job, own, t });
        await writeStatus(context, client, { job, status: statusAfter(job, t, { outcome, nowMs: clock.now() }) });
        // Only now: a pod that is not noted in the status must not vanish uncounted.
        await release(client, t.released);
        const deadlineMs = msUntilDeadline(job, clock.now());
        const waits = [waitMs, deadlineMs].filter((ms) => ms !== undefined);
        return waits.length > 0 && !outcome ? requeueAfter(Math.min(...waits)) : done;
      },
    };

    function podsOfGone(key: string): Pod[] {
      const { namespace, name } = parseKey(key);
      return allPods.list(namespace).filter((pod) => {
        const owner = controllerOf(pod);
        return owner?.kind === 'Job' && owner.name === name && isTracked(pod);
      });
    }
  },
});

const about = (job: Job) => ({ ...job, kind: 'Job', apiVersion: groupVersion(jobs) });

async function end(client: Client, t: Tally): Promise<undefined> {
  await deletePods(client, t.active);
}

/** Brings the number of running pods to what is wanted. Answers when to look again, if the clock decides. */
async function run(
  context: ControllerContext,
  client: Client,
  { job, own, t }: { job: Job; own: Pod[]; t: Tally },
): Promise<number | undefined> {
  if (job.metadata.deletionTimestamp) return undefined;
  if (job.spec.suspend) return end(client, t);
  const surplus = t.active.length - wantedActive(job, t);
  if (surplus > 0) {
    const unreadyFirst = [...t.active].sort((a, b) => Number(isPodReady(a)) - Number(isPodReady(b)));
    await deletePods(client, unreadyFirst.slice(0, surplus));
    return undefined;
  }
  const waiting = job.spec.podReplacementPolicy === 'Failed' ? t.terminating.length : 0;
  const count = -surplus - waiting;
  if (count <= 0) return undefined;
  const retryMs = msUntilRetry(own, context.clock.now());
  if (retryMs > 0) return retryMs;
  await createPods(context, client, { job, t, count });
  return undefined;
}

function wantedActive({ spec }: Job, t: Tally): number {
  const parallelism = spec.parallelism ?? 1;
  // Without a number of completions the first success ends the creating; the rest may finish.
  if (spec.completions === undefined) return t.succeeded > 0 ? Math.min(t.active.length, parallelism) : parallelism;
  return Math.min(Math.max(0, spec.completions - t.succeeded), parallelism);
}

async function createPods(
  { recorder }: ControllerContext,
  client: Client,
  { job, t, count }: { job: Job; t: Tally; count: number },
): Promise<void> {
  const indexes = isIndexed(job) ? freeIndexes(job, t, count) : [];
  let next = 0;
  await slowStart(isIndexed(job) ? indexes.length : count, async () => {
    try {
      const pod = await client.create(pods, manifestOf(job, indexes[next++]));
      recorder.event(about(job), 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    } catch (error) {
      if (isNamespaceGoing(error)) return;
      recorder.event(about(job), 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
      throw error;
    }
  });
}

function freeIndexes({ spec }: Job, t: Tally, count: number): number[] {
  const taken = new Set([...t.completedIndexes, ...[...t.active].map(indexOf)]);
  const free: number[] = [];
  for (let i = 0; i < (spec.completions ?? 0) && free.length < count; i++) if (!taken.has(i)) free.push(i);
  return free;
}

function manifestOf(job: Job, index: number | undefined): Manifest<Pod> {
  const manifest = podFromTemplate(job.spec.template, job, controllerReference(jobs, job)) as Pod;
  manifest.metadata = {
    ...manifest.metadata,
    finalizers: [...(manifest.metadata.finalizers ?? []), trackingFinalizer],
  };
  if (index === undefined) return manifest as Manifest<Pod>;
  const { metadata, spec } = manifest;
  const env = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexName}']` } },
  };
  const withIndex = <C extends { env?: unknown[] }>(c: C) => ({ ...c, env: [...(c.env ?? []), env] });
  return {
    metadata: {
      ...metadata,
      generateName: `${job.metadata.name}-${index}-`,
      labels: { ...metadata.labels, [indexName]: String(index) },
      annotations: { ...metadata.annotations, [indexName]: String(index) },
    },
    spec: {
      ...spec,
      hostname: spec.hostname ?? `${job.metadata.name}-${index}`,
      containers: spec.containers.map(withIndex),
      initContainers: spec.initContainers?.map(withIndex),
    },
  } as Manifest<Pod>;
}

/** Decided first (SuccessCriteriaMet, FailureTarget), finished when every pod has ended and is counted. */
function statusAfter(
  job: Job,
  t: Tally,
  { outcome, nowMs }: { outcome: Outcome | undefined; nowMs: number },
): JobStatus {
  let status: JobStatus = { ...t.status, startTime: startTime(job, nowMs) };
  if (!outcome) return withSuspension(job, status, nowMs);
  const { type, reason, message } = outcome;
  const target = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  status = withCondition(status, { type: target, status: 'True', reason, message }, nowMs);
  const isSettled = t.active.length === 0 && t.terminating.length === 0 && t.released.length === 0;
  if (!isSettled) return status;
  status = withCondition(status, { type, status: 'True', reason, message }, nowMs);
  return type === 'Complete' ? { ...status, completionTime: timeText(nowMs) } : status;
}

function startTime(job: Job, nowMs: number): string | undefined {
  if (job.spec.suspend) return undefined;
  return job.status?.startTime ?? timeText(nowMs);
}

function withSuspension(job: Job, status: JobStatus, nowMs: number): JobStatus {
  const known = status.conditions?.find((c) => c.type === 'Suspended');
  if (job.spec.suspend) {
    const text = { reason: 'JobSuspended', message: 'Job suspended' };
    return withCondition(status, { type: 'Suspended', status: 'True', ...text }, nowMs);
  }
  if (known?.status !== 'True') return status;
  const text = { reason: 'JobResumed', message: 'Job resumed' };
  return withCondition(status, { type: 'Suspended', status: 'False', ...text }, nowMs);
}

async function writeStatus(
  { recorder }: ControllerContext,
  client: Client,
  { job, status }: { job: Job; status: JobStatus },
): Promise<void> {
  if (sameJson(status, job.status)) return;
  await client.update(jobs, { ...job, status }, { subresource: 'status' });
  const isNew = (type: string, value = 'True') =>
    status.conditions?.some((c) => c.type === type && c.status === value) &&
    !job.status?.conditions?.some((c) => c.type === type && c.status === value);
  const failed = status.conditions?.find((c) => c.type === 'FailureTarget');
  if (isNew('Complete')) recorder.event(about(job), 'Normal', 'Completed', 'Job completed');
  if (failed && isNew('FailureTarget')) {
    recorder.event(about(job), 'Warning', failed.reason ?? '', failed.message ?? '');
  }
  if (isNew('Suspended')) recorder.event(about(job), 'Normal', 'Suspended', 'Job suspended');
  if (isNew('Suspended', 'False')) recorder.event(about(job), 'Normal', 'Resumed', 'Job resumed');
}

async function deletePods(client: Client, victims: Pod[]): Promise<void> {
  await Promise.all(
    victims.map(async (pod) => {
      try {
        await client.delete(pods, keyOf(pod), { preconditions: { uid: pod.metadata.uid } });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }),
  );
}

async function release(client: Client, counted: Pod[]): Promise<void> {
  await Promise.all(
    counted.filter(isTracked).map(async (pod) => {
      const { uid, resourceVersion, finalizers = [] } = pod.metadata;
      const kept = finalizers.filter((f) => f !== trackingFinalizer);
      const body = { metadata: { uid, resourceVersion, finalizers: kept.length > 0 ? kept : null } };
      try {
        await client.patch(pods, keyOf(pod), { type: 'merge', body });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }),
  );
}
