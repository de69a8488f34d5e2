import { templateColumns } from '../apps/columns.ts';
import { templateWarnings } from '../core/pod-warnings.ts';
import type { Job, ObjectMeta } from '../generated/types.ts';
import { type CellRule, age, columns, name, selectorAt, since } from '../meta/columns.ts';
import { humanDuration } from '../meta/human-duration.ts';
import { sortedMembers } from '../meta/json.ts';
import { inSchemaOrder } from '../schema/defaults.ts';
import { schema } from '../schema/schema.ts';
import { defineStrategy } from '../strategy.ts';

/** Labels of a job's pods; those without a prefix are kept for old readers. */
const uidLabel = 'batch.kubernetes.io/controller-uid';
const nameLabel = 'batch.kubernetes.io/job-name';

/** Gives the pods labels that no other job's pods have, and selects by them. Needs `metadata.uid`. */
function ownSelector(job: Job): void {
  const uid = job.metadata.uid ?? '';
  const own = { 'job-name': job.metadata.name, [nameLabel]: job.metadata.name, 'controller-uid': uid, [uidLabel]: uid };
  const { metadata } = job.spec.template;
  // Labels that the writer set stay: validation tells them when they are wrong.
  const labels = sortedMembers({ ...own, ...metadata?.labels }) as Record<string, string>;
  job.spec.template.metadata = { ...metadata, labels } as ObjectMeta;
  const { selector } = job.spec;
  job.spec.selector = { ...selector, matchLabels: { [uidLabel]: uid, ...selector?.matchLabels } };
  job.spec = inSchemaOrder(schema, 'io.k8s.api.batch.v1.JobSpec', job.spec) as Job['spec'];
}

const status: CellRule<Job> = ({ metadata, status }) => {
  const is = (type: string) => status.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
  if (is('Complete')) return 'Complete';
  if (is('Failed')) return 'Failed';
  if (metadata.deletionTimestamp) return 'Terminating';
  if (is('Suspended')) return 'Suspended';
  if (is('FailureTarget')) return 'FailureTarget';
  if (is('SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return 'Running';
};

const completions: CellRule<Job> = ({ spec, status }) => {
  const succeeded = status.succeeded ?? 0;
  if (spec.completions !== undefined && spec.completions !== null) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
};

const duration: CellRule<Job> = ({ status: { startTime, completionTime } }, nowMs) => {
  if (!startTime) return '';
  return completionTime ? humanDuration(Date.parse(completionTime) - Date.parse(startTime)) : since(startTime, nowMs);
};

export const job = defineStrategy<Job>({
  prepareForCreate(job) {
    if (!job.spec.manualSelector) ownSelector(job);
    // What is read is read with defaults, and a job without labels has those of its pods.
    const { labels } = job.spec.template.metadata ?? {};
    if (labels && !Object.keys(job.metadata.labels ?? {}).length) job.metadata.labels = { ...labels };
  },
  warnings: ({ spec }) => templateWarnings(spec.template),
  cells: columns<Job>({
    Name: name,
    Status: status,
    Completions: completions,
    Duration: duration,
    Age: age,
    ...templateColumns,
    Selector: selectorAt('spec.selector'),
  }),
});
