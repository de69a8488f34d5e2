import { jobs } from '../../api/generated/resources.ts';
import type { Job, Pod } from '../../api/generated/types.ts';
import type { Manifest } from '../../api/resource.ts';
import { controllerReference } from '../ownership.ts';
import { podFromTemplate } from '../pod-template.ts';
import { isCounted, judgeFailure } from './failure-policy.ts';

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const indexName = 'batch.kubernetes.io/job-completion-index';
const failureCountName = 'batch.kubernetes.io/job-index-failure-count';
const ignoredCountName = 'batch.kubernetes.io/job-index-ignored-failure-count';

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(trackingFinalizer) === true;
export const isIndexed = ({ spec }: Job): boolean => spec.completionMode === 'Indexed';
export const hasLimitPerIndex = (job: Job): boolean => isIndexed(job) && job.spec.backoffLimitPerIndex !== undefined;
/** A pod that is going is only replaced when it has ended. */
export const replacesOnlyFailed = ({ spec }: Job): boolean => spec.podReplacementPolicy === 'Failed';

/** Undefined also for one that the job no longer has: `completions` may shrink. */
export function indexOf({ spec }: Job, pod: Pod): number | undefined {
  const index = Number(pod.metadata.annotations?.[indexName] ?? Number.NaN);
  return Number.isInteger(index) && index >= 0 && index < (spec.completions ?? 0) ? index : undefined;
}

/** A pod that is being deleted has failed, unless the job waits to see it end. */
export function isFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === 'Failed') return true;
  return !replacesOnlyFailed(job) && pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded';
}

const countIn = (pod: Pod, name: string): number => Number.parseInt(pod.metadata.annotations?.[name] ?? '0', 10) || 0;

/** How often the index had failed before this pod. */
export const failuresBefore = (pod: Pod): { counted: number; ignored: number } => ({
  counted: countIn(pod, failureCountName),
  ignored: countIn(pod, ignoredCountName),
});

/** The same after it has failed. */
export function failuresAfter({ spec }: Job, pod: Pod): { counted: number; ignored: number } {
  const { counted, ignored } = failuresBefore(pod);
  const isIgnored = !isCounted(judgeFailure(spec.podFailurePolicy, pod));
  return isIgnored ? { counted, ignored: ignored + 1 } : { counted: counted + 1, ignored };
}

/** A pod of the job: of an index, and in the place of one that failed, where it has such. */
export function manifestOf(job: Job, { index, replaced }: { index?: number; replaced?: Pod } = {}): Manifest<Pod> {
  const pod = podFromTemplate(job.spec.template, job, controllerReference(jobs, job)) as Pod;
  const metadata = { ...pod.metadata, finalizers: [...(pod.metadata.finalizers ?? []), trackingFinalizer] };
  if (index === undefined) return { ...pod, metadata } as Manifest<Pod>;
  const env = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexName}']` } },
  };
  const withIndex = <C extends { env?: unknown[] }>(c: C) =>
    c.env?.some((e) => (e as { name: string }).name === env.name) ? c : { ...c, env: [...(c.env ?? []), env] };
  // The server appends 5 letters; a name has 63 at most.
  const suffix = `-${index}-`;
  return {
    metadata: {
      ...metadata,
      generateName: `${job.metadata.name.slice(0, 63 - 5 - suffix.length)}${suffix}`,
      labels: { ...metadata.labels, [indexName]: String(index) },
      annotations: { ...metadata.annotations, [indexName]: String(index), ...failureCounts(job, replaced) },
    },
    spec: {
      ...pod.spec,
      hostname: pod.spec.hostname ?? `${job.metadata.name}-${index}`,
      containers: pod.spec.containers.map(withIndex),
      initContainers: pod.spec.initContainers?.map(withIndex),
    },
  } as Manifest<Pod>;
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (!hasLimitPerIndex(job)) return {};
  const { counted, ignored } = replaced ? failuresAfter(job, replaced) : { counted: 0, ignored: 0 };
  return { [failureCountName]: String(counted), ...(ignored > 0 ? { [ignoredCountName]: String(ignored) } : {}) };
}
