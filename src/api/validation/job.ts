import type {
  CronJob,
  Job,
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../generated/types.ts';
import { matchesLabelSelector } from '../meta/label-selector.ts';
import { dns1123Label, qualifiedName } from '../meta/name-format.ts';
import { goForm } from '../schema/go-form.ts';
import {
  child,
  domainPrefixedPath,
  duplicate,
  each,
  type FieldError,
  immutable,
  invalidState,
  invalidValue,
  keyed,
  keyFormatted,
  nonNegative,
  notSupported,
  oneOf,
  required,
  requiredOneOf,
  same,
  tooLong,
  tooMany,
  validateLabelSelector,
} from './check.ts';
import { validateSchedule, validateTimeZone } from './cron.ts';
import { countOf, parseIndexes } from './indexes.ts';
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
    ...managedBy(child(path, 'managedBy'), spec.managedBy),
    ...indexed(spec, path),
    ...failurePolicy(spec, path),
    ...successPolicy(spec, child(path, 'successPolicy')),
    ...oneOf(
      child(path, 'podReplacementPolicy'),
      spec.podReplacementPolicy,
      spec.podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'],
    ),
    ...validatePodTemplate(spec.template, child(path, 'template')),
    ...restartPolicy(spec, child(path, 'template.spec.restartPolicy')),
  ];
}

const longestManager = 63;

function managedBy(path: string, manager: string | undefined): FieldError[] {
  if (manager === undefined) return [];
  const errors = domainPrefixedPath(path, manager);
  return manager.length > longestManager ? [...errors, tooLong(path, longestManager)] : errors;
}

/** Above this many completions the limits of indexed jobs with their own counts of failures are lower. */
const manyCompletions = 100_000;
const fewer = 10_000;

function indexed(spec: JobSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(required(child(path, 'backoffLimitPerIndex'), 'when maxFailedIndexes is specified'));
  if (spec.completionMode === 'Indexed') return [...errors, ...indexedLimits(spec, path)];
  if (spec.completionMode !== undefined && spec.completionMode !== 'NonIndexed') return errors;
  for (const member of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
    if (spec[member] !== undefined)
      errors.push(invalidValue(child(path, member), spec[member], 'requires indexed completion mode'));
  return errors;
}

function indexedLimits({ completions, parallelism = 1, maxFailedIndexes: failed, ...spec }: JobSpec, path: string) {
  const errors: FieldError[] = [];
  const most = (member: 'parallelism' | 'maxFailedIndexes', value: number, limit: number | string, when = '') =>
    errors.push(invalidValue(child(path, member), value, `must be less than or equal to ${limit}${when}`));
  if (completions === undefined) errors.push(required(child(path, 'completions'), 'when completion mode is Indexed'));
  if (parallelism > maxIndexes) most('parallelism', parallelism, maxIndexes, ' when completion mode is Indexed');
  if (failed !== undefined && completions !== undefined && failed > completions)
    most('maxFailedIndexes', failed, 'completions');
  if (failed !== undefined && failed > maxIndexes) most('maxFailedIndexes', failed, maxIndexes);
  if (completions === undefined || completions <= manyCompletions || spec.backoffLimitPerIndex === undefined)
    return errors;
  const when = ` when completions are above ${manyCompletions} and used with backoff limit per index`;
  if (failed === undefined)
    errors.push(
      required(child(path, 'maxFailedIndexes'), `must be specified when completions is above ${manyCompletions}`),
    );
  if (parallelism > fewer) most('parallelism', parallelism, fewer, when);
  if (failed !== undefined && failed > fewer) most('maxFailedIndexes', failed, fewer, when);
  return errors;
}

const maxRules = 20;
const maxExitCodes = 255;
const longestIndexes = 64 * 1024;

function successPolicy(spec: JobSpec, path: string): FieldError[] {
  if (!spec.successPolicy) return [];
  if (spec.completionMode !== 'Indexed')
    return [
      invalidValue(path, goForm(`${batch}SuccessPolicy`, spec.successPolicy), 'requires indexed completion mode'),
    ];
  const at = child(path, 'rules');
  const rules = spec.successPolicy.rules ?? [];
  const errors: FieldError[] = [];
  if (rules.length === 0)
    errors.push(required(at, 'at least one rules must be specified when the successPolicy is specified'));
  if (rules.length > maxRules) errors.push(tooMany(at, rules.length, maxRules));
  return [...errors, ...each(rules, at, (rule, p) => successRule(rule, p, spec.completions ?? 0))];
}

function successRule({ succeededIndexes: text, succeededCount: count }: SuccessPolicyRule, path: string, all: number) {
  const errors: FieldError[] = [];
  if (text === undefined && count === undefined)
    errors.push(required(path, 'at least one of succeededCount or succeededIndexes must be specified'));
  let listed = 0;
  if (text !== undefined) {
    const at = child(path, 'succeededIndexes');
    if (text.length > longestIndexes) errors.push(tooLong(at, longestIndexes));
    const parsed = parseIndexes(text, all);
    if (typeof parsed === 'string') errors.push(invalidValue(at, text, `error parsing succeededIndexes: ${parsed}`));
    else listed = countOf(parsed);
  }
  if (count === undefined) return errors;
  const at = child(path, 'succeededCount');
  errors.push(...nonNegative(at, count));
  const most = (limit: number, what: string) =>
    errors.push(invalidValue(at, count, `must be less than or equal to ${limit} (the number of ${what})`));
  if (count > all) most(all, 'specified completions');
  if (text !== undefined && count > listed) most(listed, 'indexes in the specified succeededIndexes field');
  return errors;
}

function failurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules;
  if (!rules) return [];
  const at = child(path, 'podFailurePolicy.rules');
  const errors = rules.length > maxRules ? [tooMany(at, rules.length, maxRules)] : [];
  return [...errors, ...each(rules, at, (rule, p) => failureRule(rule, p, spec))];
}

/** One of a set that must be named; Go's `%q` of the set says which. */
function choice(path: string, value: string | undefined, allowed: string[]): FieldError[] {
  if (!value) return [required(path, `valid values: [${allowed.map((one) => `"${one}"`).join(' ')}]`)];
  return oneOf(path, value, allowed);
}

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

function failureRule(rule: PodFailurePolicyRule, path: string, spec: JobSpec): FieldError[] {
  const errors = choice(child(path, 'action'), rule.action, actions);
  if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    errors.push(invalidValue(child(path, 'action'), rule.action, 'requires the backoffLimitPerIndex to be set'));
  const { onExitCodes: codes, onPodConditions: conditions } = rule;
  if (codes) errors.push(...exitCodes(codes, child(path, 'onExitCodes'), spec));
  if (conditions?.length) errors.push(...podConditions(conditions, child(path, 'onPodConditions')));
  if (codes && conditions?.length)
    errors.push(invalidState(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (!codes && !conditions?.length)
    errors.push(invalidState(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return errors;
}

function podConditions(list: PodFailurePolicyOnPodConditionsPattern[], path: string): FieldError[] {
  const errors = list.length > maxRules ? [tooMany(path, list.length, maxRules)] : [];
  return [
    ...errors,
    ...each(list, path, ({ type, status }, p) => [
      ...keyFormatted(child(p, 'type'), type, qualifiedName),
      ...choice(child(p, 'status'), status, ['False', 'True', 'Unknown']),
    ]),
  ];
}

function exitCodes(codes: PodFailurePolicyOnExitCodesRequirement, path: string, { template }: JobSpec): FieldError[] {
  const { operator, containerName } = codes;
  const values = codes.values ?? [];
  const errors = choice(child(path, 'operator'), operator, ['In', 'NotIn']);
  const names = [...(template.spec?.containers ?? []), ...(template.spec?.initContainers ?? [])].map((c) => c.name);
  if (containerName !== undefined && !names.includes(containerName))
    errors.push(
      invalidValue(
        child(path, 'containerName'),
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  const at = child(path, 'values');
  if (values.length === 0) errors.push(invalidValue(at, codes.values ?? null, 'at least one value is required'));
  if (values.length > maxExitCodes) errors.push(tooMany(at, values.length, maxExitCodes));
  errors.push(
    ...each(values, at, (value, p, i) => [
      ...(operator === 'In' && value === 0 ? [invalidValue(p, value, 'must not be 0 for the In operator')] : []),
      ...(values.indexOf(value) < i ? [duplicate(p, value)] : []),
    ]),
  );
  const ordered = values.every((value, i) => i === 0 || (values[i - 1] ?? 0) <= value);
  return ordered ? errors : [...errors, invalidValue(at, values, 'must be ordered')];
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

const batch = 'io.k8s.api.batch.v1.';

/** Unless the writer takes care of it, selector and labels are made of the job's own name and uid. */
function generatedSelector({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector || !metadata.uid || !spec.selector) return [];
  const expected: Record<string, string> = {
    'controller-uid': metadata.uid,
    'job-name': metadata.name,
    [uidLabel]: metadata.uid,
    'batch.kubernetes.io/job-name': metadata.name,
  };
  const labels = spec.template.metadata?.labels;
  const path = 'spec.template.metadata.labels';
  const errors = Object.entries(expected).flatMap(([key, value]) => {
    if (labels?.[key] === undefined) return [required(keyed(path, key), `must be '${value}'`)];
    return labels[key] === value ? [] : [invalidValue(keyed(path, key), labels, `must be '${value}'`)];
  });
  if (validateLabelSelector(spec.selector, '').length > 0 || matchesLabelSelector(spec.selector, expected))
    return errors;
  return [...errors, invalidValue('spec.selector', spec.selector, '`selector` not auto-generated')];
}

export function validateJob(job: Job): FieldError[] {
  const { spec } = job;
  const errors = [...generatedSelector(job), ...jobSpec(spec, 'spec')];
  if (!spec.selector) errors.push(required('spec.selector'));
  else errors.push(...validateLabelSelector(spec.selector, 'spec.selector'));
  const labels = spec.template.metadata?.labels;
  const usable = spec.selector && validateLabelSelector(spec.selector, '').length === 0;
  if (!spec.selector || (usable && !matchesLabelSelector(spec.selector, labels ?? {})))
    errors.push(
      invalidValue('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'),
    );
  return [...errors, ...hostNames(job)];
}

/** The pods of an indexed job are called after their indexes. */
function hostNames({ metadata, spec }: Job): FieldError[] {
  if (spec.completionMode !== 'Indexed' || !spec.completions || spec.completions < 0) return [];
  const longest = `${metadata.name}-${spec.completions - 1}`;
  if (dns1123Label(longest).length === 0) return [];
  return [
    invalidValue('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${longest}`),
  ];
}

/** A suspended job none of whose pods is left may be placed and sized differently when it goes on (KEP-2926, KEP-5440). */
function schedulable({ spec, status }: Readonly<Job>): boolean {
  if (spec.suspend !== true) return false;
  const isSuspended = status.conditions?.some((c) => c.type === 'Suspended' && c.status === 'True') === true;
  return !status.startTime || (isSuspended && !status.active);
}

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
  const { completions } = spec;
  if (spec.completionMode !== 'Indexed')
    errors.push(...immutable('spec.completions', completions, old.spec.completions));
  else if (completions !== undefined && completions !== old.spec.completions && completions !== spec.parallelism)
    errors.push(invalidValue('spec.completions', completions, 'can only be modified in tandem with spec.parallelism'));
  errors.push(...immutable('spec.selector', spec.selector, old.spec.selector));
  const before = schedulable(old) ? withoutPlacement(old.spec) : old.spec.template;
  const after = schedulable(old) ? withoutPlacement(spec) : spec.template;
  if (!same(after, before))
    errors.push(
      invalidValue('spec.template', goForm('io.k8s.api.core.v1.PodTemplateSpec', spec.template), 'field is immutable'),
    );
  for (const [member, type] of Object.entries(fixed) as [keyof typeof fixed, string][])
    if (!same(spec[member], old.spec[member]))
      errors.push(invalidValue(`spec.${member}`, goForm(`${batch}${type}`, spec[member]), 'field is immutable'));
  return errors;
}

/** Members that never change, and their types. */
const fixed = {
  completionMode: 'CompletionMode',
  podFailurePolicy: 'PodFailurePolicy',
  backoffLimitPerIndex: '',
  managedBy: '',
  successPolicy: 'SuccessPolicy',
} as const;

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
  metadata.name.length > 52 ? [invalidValue('metadata.name', metadata.name, 'must be no more than 52 bytes')] : [];
