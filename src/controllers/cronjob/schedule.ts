import { cronjobs, jobs } from '../../api/generated/resources.ts';
import type { CronJob, CronJobStatus, Job, ObjectReference } from '../../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../../api/meta/status-error.ts';
import { groupVersion, keyOf, keyText, type Manifest } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { controllerKeys, controllerOf, controllerReference, indexByController } from '../ownership.ts';
import { type ControllerContext, defineController, done, requeueAfter, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { timeText } from '../time-text.ts';
import { beyondHistory, jobName, type Plan, plan } from './plan.ts';
import { zonedTimeText } from './zoned-time-text.ts';

/** A little late rather than a little early. */
const delayMs = 100;

/** Starts a Job whenever the schedule of a CronJob says so. */
export const cronJobSchedule = defineController({
  name: 'cronjob.schedule',
  serviceAccount: 'cronjob-controller',
  eventSource: 'cronjob-controller',
  setup(context) {
    const { clock } = context;
    const all = context.informer(cronjobs);
    const allJobs = context.informer(jobs);
    indexByController(allJobs);
    const exists = ({ namespace, name = '', uid }: ObjectReference): boolean =>
      allJobs.get({ namespace, name })?.metadata.uid === uid;

    return {
      watches: [watch(all, (c) => [keyText(keyOf(c))]), watch(allJobs, controllerKeys(cronjobs))],
      async reconcile(key, client) {
        const cronJob = all.get(key);
        if (!cronJob) return done;
        const own = allJobs.index('controller', cronJob.metadata.uid ?? '');
        const p = plan({ cronJob, jobs: own, exists, nowMs: clock.now() });
        for (const { type, reason, message } of p.events) context.recorder.event(about(cronJob), type, reason, message);
        const w: Work = { context, client, cronJob };
        for (const { name = '', namespace } of p.replace) await deleteJob(w, { namespace, name });
        const started = await start(w, p);
        const old = beyondHistory(cronJob, own).filter((job) => !job.metadata.deletionTimestamp);
        for (const job of old) await deleteJob(w, keyOf(job));
        await writeStatus(w, p, started);
        return p.nextMs === undefined ? done : requeueAfter(p.nextMs - clock.now() + delayMs);
      },
    };
  },
});

interface Work {
  context: ControllerContext;
  client: Client;
  cronJob: CronJob;
}

const about = (cronJob: CronJob) => ({ ...cronJob, kind: 'CronJob', apiVersion: groupVersion(cronjobs) });

async function deleteJob({ context, client, cronJob }: Work, key: { namespace?: string; name: string }): Promise<void> {
  try {
    await client.delete(jobs, key, { propagationPolicy: 'Background' });
    context.recorder.event(about(cronJob), 'Normal', 'SuccessfulDelete', `Deleted job ${key.name}`);
  } catch (error) {
    if (isNotFound(error)) return;
    context.recorder.event(about(cronJob), 'Warning', 'FailedDelete', `Deleted job: ${(error as Error).message}`);
    throw error;
  }
}

/** The job that runs for the time that is due, if one is. */
async function start(w: Work, p: Plan): Promise<Job | undefined> {
  const { startForMs } = p;
  if (startForMs === undefined) return undefined;
  const { context, client, cronJob } = w;
  try {
    const job = await client.create(jobs, manifestOf(cronJob, { startForMs, zone: p.zone }));
    context.recorder.event(about(cronJob), 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return job;
  } catch (error) {
    if (isNamespaceGoing(error)) return undefined;
    if (isAlreadyExists(error)) return startedBefore(w, startForMs, error);
    context.recorder.event(
      about(cronJob),
      'Warning',
      'FailedCreate',
      `Error creating job: ${(error as Error).message}`,
    );
    throw error;
  }
}

/** It was created, but the status could not be written any more. */
async function startedBefore({ client, cronJob }: Work, startForMs: number, error: unknown): Promise<Job> {
  const { namespace, uid } = cronJob.metadata;
  const job = await client.get(jobs, { namespace, name: jobName(cronJob, startForMs) });
  if (controllerOf(job)?.uid === uid) return job;
  throw error;
}

function manifestOf(cronJob: CronJob, { startForMs, zone }: { startForMs: number; zone: string }): Manifest<Job> {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  return {
    metadata: {
      name: jobName(cronJob, startForMs),
      namespace: cronJob.metadata.namespace,
      labels: metadata?.labels,
      annotations: {
        ...metadata?.annotations,
        'batch.kubernetes.io/cronjob-scheduled-timestamp': zonedTimeText(startForMs, zone),
      },
      ownerReferences: [controllerReference(cronjobs, cronJob)],
    },
    spec,
  } as Manifest<Job>;
}

const isFinished = (job: Job): boolean =>
  job.status?.conditions?.some((c) => ['Complete', 'Failed'].includes(c.type) && c.status === 'True') === true;

async function writeStatus({ client, cronJob }: Work, p: Plan, started: Job | undefined): Promise<void> {
  const active = started && !isFinished(started) ? [...p.active, referenceTo(started)] : p.active;
  const status: CronJobStatus = {
    ...cronJob.status,
    active: active.length > 0 ? active : undefined,
    lastSuccessfulTime: p.lastSuccessfulTime,
    lastScheduleTime: started && p.startForMs !== undefined ? timeText(p.startForMs) : cronJob.status?.lastScheduleTime,
  };
  if (sameJson(status, cronJob.status)) return;
  await client.update(cronjobs, { ...cronJob, status }, { subresource: 'status' });
}

function referenceTo({ metadata: { namespace, name, uid, resourceVersion } }: Job): ObjectReference {
  return { kind: 'Job', apiVersion: groupVersion(jobs), namespace, name, uid, resourceVersion };
}
