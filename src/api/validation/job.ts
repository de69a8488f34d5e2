import type { CronJob, Job, JobSpec, PodFailurePolicyRule } from '../generated/types.ts';
import { matchesLabelSelector } from '../meta/label-selector.ts';
import {
  child,
  each,
  type FieldError,
  immutable,
  invalidValue,
  nonNegative,
  notSupported,
  oneOf,
  required,
  requiredOneOf,
  same,
  tooMany,
  validateLabelSelector,
} from './check.ts';
import { validateSchedule, validateTimeZone } from './cron.ts';
import { validatePodTemplate } from './pod-spec.ts';

const uidLabel = 'batch.kubernetes.io/controller-uid';
const maxIndexes = 100_000;

/** The rules that the jobs of a CronJob share with all others. */
function jobSpec(spec: JobSpec, path: string): FieldError[] {
  const counts = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const;
  return [
    ...counts.flatMap((member) => nonNegative(child(path, member), spec[member])),
    ...oneOf(child(path, 'completionMode'), spec.completionMode, ['Indexed', 'NonIndexed']),
    ...indexed(spec, path),
    ...failurePolicy(spec, path),
    ...oneOf(child(path, 'podReplacementPolicy'), spec.podReplacementPolicy, ['Failed', 'TerminatingOrFailed']),
    ...validatePodTemplate(spec.template, child(path, 'template')),
    ...restartPolicy(spec, child(path, 'template.spec.restartPolicy')),
  ];
}

function indexed(spec: JobSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(required(child(path, 'backoffLimitPerIndex'), 'when maxFailedIndexes is specified'));
  if (spec.completionMode !== 'Indexed') {
    const only = 'requires indexed completion mode';
    for (const member of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
      if (spec[member] !== undefined) errors.push(invalidValue(child(path, member), spec[member], only));
    return errors;
  }
  const { completions, parallelism = 1, maxFailedIndexes } = spec;
  if (completions === undefined)
    return [...errors, required(child(path, 'completions'), `when completion mode is Indexed`)];
  if (parallelism > maxIndexes)
    errors.push(
      invalidValue(
        child(path, 'parallelism'),
        parallelism,
        `must be less than or equal to ${maxIndexes} when completion mode is Indexed`,
      ),
    );
  if (maxFailedIndexes !== undefined && maxFailedIndexes > completions)
    errors.push(
      invalidValue(child(path, 'maxFailedIndexes'), maxFailedIndexes, 'must be less than or equal to completions'),
    );
  return errors;
}

function failurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules;
  if (!rules) return [];
  const at = child(path, 'podFailurePolicy.rules');
  const errors = rules.length > 20 ? [tooMany(at, rules.length, 20)] : [];
  return [...errors, ...each(rules, at, (rule, p) => failureRule(rule, p, spec))];
}

function failureRule(rule: PodFailurePolicyRule, path: string, spec: JobSpec): FieldError[] {
  const errors = requiredOneOf(child(path, 'action'), rule.action, ['Count', 'FailIndex', 'FailJob', 'Ignore']);
  if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    errors.push(invalidValue(child(path, 'action'), rule.action, 'requires the backoffLimitPerIndex to be set'));
  const { onExitCodes: codes, onPodConditions: conditions } = rule;
  if (codes && conditions?.length)
    errors.push(invalidValue(path, '', 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (!codes && !conditions?.length)
    errors.push(invalidValue(path, '', 'specifying one of OnExitCodes and OnPodConditions is required'));
  if (codes) {
    const at = child(path, 'onExitCodes');
    errors.push(...requiredOneOf(child(at, 'operator'), codes.operator, ['In', 'NotIn']));
    if (!codes.values?.length)
      errors.push(invalidValue(child(at, 'values'), codes.values ?? null, 'at least one value is required'));
    if (codes.operator === 'In' && codes.values?.includes(0))
      errors.push(
        invalidValue(child(at, `values[${codes.values.indexOf(0)}]`), 0, 'must not be 0 for the In operator'),
      );
  }
  return errors;
}

function restartPolicy(spec: JobSpec, path: string): FieldError[] {
  const policy = spec.template.spec?.restartPolicy;
  const valid = ['OnFailure', 'Never'];
  if (!policy || policy === 'Always') return [required(path, 'valid values: "OnFailure", "Never"')];
  if (!valid.includes(policy)) return [notSupported(path, policy, valid)];
  if (spec.podFailurePolicy && policy !== 'Never')
    return [invalidValue(path, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  return [];
}

/** Unless the writer takes care of it, the selector is made of the job's own uid. */
function generatedSelector({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector || !metadata.uid) return [];
  const { selector } = spec;
  const generated = [uidLabel, 'controller-uid'].some((key) =>
    same(selector, { matchLabels: { [key]: metadata.uid } }),
  );
  return generated ? [] : [invalidValue('spec.selector', selector ?? null, '`selector` not auto-generated')];
}

export function validateJob(job: Job): FieldError[] {
  const { spec } = job;
  const errors = [...generatedSelector(job), ...jobSpec(spec, 'spec')];
  if (!spec.selector) return [...errors, required('spec.selector')];
  errors.push(...validateLabelSelector(spec.selector, 'spec.selector'));
  const labels = spec.template.metadata?.labels;
  if (!matchesLabelSelector(spec.selector, labels ?? {}))
    errors.push(
      invalidValue('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'),
    );
  return errors;
}

/** A job that never started and is suspended may still be placed and sized differently. */
const schedulable = ({ spec, status }: Readonly<Job>): boolean => spec.suspend === true && !status?.startTime;

const withoutPlacement = (spec: JobSpec): unknown => {
  const { metadata, spec: pod } = spec.template;
  const placed = { nodeSelector: undefined, affinity: undefined, tolerations: undefined, schedulingGates: undefined };
  const containers = (pod?.containers ?? []).map((container) => ({ ...container, resources: undefined }));
  return {
    spec: { ...pod, ...placed, containers },
    metadata: { ...metadata, labels: undefined, annotations: undefined },
  };
};

export function validateJobUpdate(job: Job, old: Readonly<Job>): FieldError[] {
  const { spec } = job;
  const errors: FieldError[] = [];
  const elastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
  if (!(elastic && old.spec.completions !== undefined && spec.completions !== undefined))
    errors.push(...immutable('spec.completions', spec.completions, old.spec.completions));
  errors.push(...immutable('spec.selector', spec.selector, old.spec.selector));
  const before = schedulable(old) ? withoutPlacement(old.spec) : old.spec.template;
  const after = schedulable(old) ? withoutPlacement(spec) : spec.template;
  if (!same(after, before)) errors.push(invalidValue('spec.template', spec.template, 'field is immutable'));
  for (const member of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const)
    errors.push(...immutable(`spec.${member}`, spec[member], old.spec[member]));
  return errors;
}

export function validateCronJob({ spec }: CronJob): FieldError[] {
  const template = spec.jobTemplate.spec as JobSpec;
  const errors = spec.schedule ? validateSchedule('spec.schedule', spec.schedule) : [required('spec.schedule')];
  errors.push(
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...validateTimeZone('spec.timeZone', spec.timeZone),
    ...requiredOneOf('spec.concurrencyPolicy', spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace']),
    ...jobSpec(template, 'spec.jobTemplate.spec'),
  );
  if (template.manualSelector)
    errors.push(notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']));
  if (template.selector)
    errors.push(invalidValue('spec.jobTemplate.spec.selector', template.selector, '`selector` will be auto-generated'));
  return [
    ...errors,
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  ];
}

/** The names of its jobs are longer by eleven characters. */
export const validateCronJobCreate = ({ metadata }: CronJob): FieldError[] =>
  metadata.name.length > 52 ? [invalidValue('metadata.name', metadata.name, 'must be no more than 52 characters')] : [];
