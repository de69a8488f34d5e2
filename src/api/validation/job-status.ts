import type { Job } from '../generated/types.ts';
import {
  at,
  child,
  duplicate,
  type FieldError,
  invalidState,
  invalidValue,
  nonNegative,
  required,
  same,
} from './check.ts';
import { firstShared, parseIndexes } from './indexes.ts';

const path = (member: string): string => child('status', member);

const isTrue = ({ status }: Readonly<Job>, type: string): boolean =>
  (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

const isFinished = (job: Readonly<Job>): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed');

/** Pairs of conditions: those that exclude each other, and those of which the first needs the second. */
const excluding = [
  ['Complete', 'Failed', 'cannot set Complete=True and Failed=true conditions'],
  ['Complete', 'FailureTarget', 'cannot set Complete=True and FailureTarget=true conditions'],
  ['SuccessCriteriaMet', 'Failed', 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
  ['SuccessCriteriaMet', 'FailureTarget', 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
] as const;
const needing = [
  ['Failed', 'FailureTarget', 'cannot set Failed=True condition without the FailureTarget=true condition'],
  [
    'Complete',
    'SuccessCriteriaMet',
    'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
  ],
] as const;

const conditions = (job: Job): FieldError[] =>
  [
    ...excluding.filter(([a, b]) => isTrue(job, a) && isTrue(job, b)),
    ...needing.filter(([a, b]) => isTrue(job, a) && !isTrue(job, b)),
  ].map(([, , text]) => invalidState(path('conditions'), text));

function uncounted({ status }: Job): FieldError[] {
  const seen = new Set<string>();
  return (['succeeded', 'failed'] as const).flatMap((list) =>
    (status?.uncountedTerminatedPods?.[list] ?? []).flatMap((uid, i) => {
      const p = at(child(path('uncountedTerminatedPods'), list), i);
      if (uid === '') return [invalidValue(p, uid, 'must not be empty')];
      if (seen.has(uid)) return [duplicate(p, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

function times(job: Job): FieldError[] {
  const { startTime, completionTime } = job.status ?? {};
  const complete = isTrue(job, 'Complete');
  const errors: FieldError[] = [];
  const p = path('completionTime');
  if (completionTime && !complete)
    errors.push(invalidValue(p, completionTime, 'cannot set completionTime when there is no Complete=True condition'));
  if (!completionTime && complete) errors.push(required(p, 'completionTime is required for Complete jobs'));
  if (startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime))
    errors.push(invalidValue(p, completionTime, 'must be equal to or after `startTime`'));
  if (!startTime && isFinished(job)) errors.push(required(path('startTime'), 'startTime is required for finished job'));
  return errors;
}

function indexes({ spec, status }: Job): FieldError[] {
  const { completedIndexes = '', failedIndexes } = status ?? {};
  const errors: FieldError[] = [];
  const wrong = (member: string, value: string, text: string) => errors.push(invalidValue(path(member), value, text));
  const perIndex = spec.backoffLimitPerIndex !== undefined;
  if (completedIndexes && spec.completionMode !== 'Indexed')
    wrong(
      'completedIndexes',
      completedIndexes,
      'cannot set non-empty completedIndexes when non-indexed completion mode',
    );
  if (failedIndexes !== undefined && !perIndex)
    wrong('failedIndexes', failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  if (spec.completions === undefined) return errors;
  const completed = parseIndexes(completedIndexes, spec.completions);
  if (typeof completed === 'string')
    wrong('completedIndexes', completedIndexes, `error parsing completedIndexes: ${completed}`);
  if (failedIndexes === undefined) return errors;
  const failed = parseIndexes(failedIndexes, spec.completions);
  if (typeof failed === 'string') {
    if (perIndex) wrong('failedIndexes', failedIndexes, `error parsing failedIndexes: ${failed}`);
    return errors;
  }
  const shared = typeof completed === 'string' ? undefined : firstShared(completed, failed);
  if (shared !== undefined)
    wrong('failedIndexes', failedIndexes, `failedIndexes and completedIndexes overlap at index: ${shared}`);
  return errors;
}

function finished(job: Job): FieldError[] {
  if (!isFinished(job)) return [];
  const { active = 0, terminating = 0, uncountedTerminatedPods } = job.status ?? {};
  const errors: FieldError[] = [];
  if (active > 0) errors.push(invalidValue(path('active'), active, 'active>0 is invalid for finished job'));
  if (terminating > 0)
    errors.push(invalidValue(path('terminating'), terminating, 'terminating>0 is invalid for finished job'));
  if (uncountedTerminatedPods?.failed?.length || uncountedTerminatedPods?.succeeded?.length)
    errors.push(
      invalidValue(
        path('uncountedTerminatedPods'),
        { Succeeded: uncountedTerminatedPods.succeeded ?? null, Failed: uncountedTerminatedPods.failed ?? null },
        'must be empty for finished job',
      ),
    );
  return errors;
}

/** What has been said of a job stays said; counters only rise. */
function history(job: Job, old: Readonly<Job>): FieldError[] {
  const errors: FieldError[] = [];
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    if (isTrue(old, type) && !isTrue(job, type))
      errors.push(invalidState(path('conditions'), `cannot disable the terminal ${type}=True condition`));
  for (const member of ['failed', 'succeeded'] as const) {
    const now = job.status?.[member] ?? 0;
    if (now < (old.status?.[member] ?? 0))
      errors.push(invalidValue(path(member), now, `cannot decrease the ${member} counter`));
  }
  const { completionTime, startTime } = job.status ?? {};
  const before = old.status ?? {};
  if (completionTime && before.completionTime && completionTime !== before.completionTime)
    errors.push(invalidValue(path('completionTime'), completionTime, 'field is immutable'));
  // A job that is resumed starts anew.
  const isFixed = before.startTime && !job.spec.suspend && !isTrue(old, 'Suspended');
  if (isFixed && !same(before.startTime, startTime))
    errors.push(
      invalidValue(path('startTime'), startTime ?? 'null', 'field is immutable for unsuspended job once set'),
    );
  const met = 'SuccessCriteriaMet';
  if (isTrue(old, met) && !isTrue(job, met))
    errors.push(invalidState(path('conditions'), `cannot disable the ${met}=True condition`));
  if (isTrue(old, 'Complete') && !isTrue(old, met) && isTrue(job, met))
    errors.push(
      invalidState(path('conditions'), `cannot set ${met}=True for Job already has Complete=true conditions`),
    );
  return errors;
}

/** What a controller may say of a job. Rules that the stored status breaks already are not held against a writer. */
export function validateJobStatus(job: Job, old: Readonly<Job>): FieldError[] {
  const { status } = job;
  const errors = (['active', 'succeeded', 'failed', 'ready', 'terminating'] as const).flatMap((member) =>
    nonNegative(path(member), status?.[member]),
  );
  if ((status?.ready ?? 0) > (status?.active ?? 0))
    errors.push(invalidValue(path('ready'), status?.ready, 'cannot set more ready pods than active'));
  const broken = new Set(state(old).map(({ field, message }) => `${field} ${message}`));
  return [
    ...errors,
    ...uncounted(job),
    ...state(job).filter(({ field, message }) => !broken.has(`${field} ${message}`)),
    ...history(job, old),
  ];
}

const state = (job: Readonly<Job>): FieldError[] => [
  ...conditions(job),
  ...times(job),
  ...finished(job),
  ...indexes(job),
];
