import { describe, expect, it } from 'vitest';
import type {
  Job,
  JobSpec,
  JobStatus,
  Pod,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../../api/generated/types.ts';
import { demandOf } from './demand.ts';
import { judgeFailure } from './failure-policy.ts';
import { trackingFinalizer } from './job-pods.ts';
import { outcomeOf } from './outcome.ts';
import { metSuccessRule } from './success-policy.ts';
import { tally } from './tally.ts';

const nowMs = Date.UTC(2026, 0, 1);
const job = (spec: Partial<JobSpec>, status: JobStatus = {}): Job =>
  ({
    metadata: { name: 'work', uid: 'job' },
    spec: { parallelism: 3, completions: 3, completionMode: 'Indexed', template: { spec: {} }, ...spec },
    status,
  }) as unknown as Job;

interface PodFacts {
  index?: number;
  phase?: 'Running' | 'Succeeded' | 'Failed';
  exitCode?: number;
  failures?: number;
  isGoing?: boolean;
  isTracked?: boolean;
  conditions?: { type: string; status: string }[];
}
let count = 0;
function pod(facts: PodFacts): Pod {
  const { index, phase = 'Running', exitCode, failures, isGoing, isTracked = true, conditions = [] } = facts;
  const name = `work-${index ?? ''}-${++count}`;
  const prefix = 'batch.kubernetes.io/job';
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: '2025-12-31T23:59:55Z',
      deletionTimestamp: isGoing ? '2026-01-01T00:00:00Z' : undefined,
      finalizers: isTracked ? [trackingFinalizer] : undefined,
      annotations: {
        ...(index === undefined ? {} : { [`${prefix}-completion-index`]: String(index) }),
        ...(failures === undefined ? {} : { [`${prefix}-index-failure-count`]: String(failures) }),
      },
    },
    spec: { containers: [], nodeName: 'n1' },
    status: {
      phase,
      conditions,
      containerStatuses: exitCode === undefined ? [] : [{ name: 'main', state: { terminated: { exitCode } } }],
    },
  } as unknown as Pod;
}
const failed = (index: number, failures = 0): Pod => pod({ index, phase: 'Failed', failures });

describe('the pod failure policy', () => {
  const onExit = (operator: string, ...values: number[]) => ({ onExitCodes: { operator, values } });
  const rules = [
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailJob', onExitCodes: { containerName: 'other', operator: 'In', values: [1] } },
    { action: 'FailIndex', ...onExit('In', 3) },
    { action: 'Count', ...onExit('In', 4) },
    { action: 'FailJob', ...onExit('NotIn', 5) },
  ] as PodFailurePolicyRule[];
  it.each<[string, PodFacts, string | undefined]>([
    ['a condition', { exitCode: 3, conditions: [{ type: 'DisruptionTarget', status: 'True' }] }, 'Ignore'],
    [
      'a condition that is false',
      { exitCode: 3, conditions: [{ type: 'DisruptionTarget', status: 'False' }] },
      'FailIndex',
    ],
    ['the first rule that matches', { exitCode: 4 }, 'Count'],
    ['any other code', { exitCode: 1 }, 'FailJob'],
    ['no rule', { exitCode: 5 }, undefined],
    ['0 is no failure', { exitCode: 0 }, undefined],
  ])('%s', (_what, facts, action) => {
    expect(judgeFailure({ rules }, pod({ phase: 'Failed', ...facts })).action).toBe(action);
  });

  it('says which container, code and rule failed the job', () => {
    const one = pod({ phase: 'Failed', exitCode: 1 });
    const t = tally(job({ podFailurePolicy: { rules }, podReplacementPolicy: 'Failed' }), [one], { isEnding: false });
    expect(t.fatal).toBe(
      `Container main for pod default/${one.metadata.name} failed with exit code 1 matching FailJob rule at index 4`,
    );
  });

  it('does not count what it ignores', () => {
    const ignored = pod({ index: 0, phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] });
    const t = tally(job({ podFailurePolicy: { rules } }), [ignored, failed(1)], { isEnding: false });
    expect([t.failed, t.status.uncountedTerminatedPods?.failed?.length, t.released.length]).toEqual([1, 1, 2]);
  });
});

describe('the success policy', () => {
  const met = (rules: SuccessPolicyRule[], ...succeeded: number[]) =>
    metSuccessRule(job({ completions: 10, successPolicy: { rules } }), new Set(succeeded));
  it.each<[string, SuccessPolicyRule[], number[], string | undefined]>([
    ['all of the indexes', [{ succeededIndexes: '0-2' }], [0, 1, 2], 'Matched rules at index 0'],
    ['not all of the indexes', [{ succeededIndexes: '0-2' }], [0, 1, 5], undefined],
    ['so many of all', [{ succeededCount: 2 }], [4, 7], 'Matched rules at index 0'],
    ['so many of the indexes', [{ succeededIndexes: '0-4', succeededCount: 2 }], [4, 7], undefined],
    ['the second rule', [{ succeededIndexes: '9' }, { succeededCount: 1 }], [4], 'Matched rules at index 1'],
    ['nothing yet', [{ succeededIndexes: '0' }], [], undefined],
  ])('%s', (_what, rules, succeeded, expected) => {
    expect(met(rules, ...succeeded)).toBe(expected);
  });
});

describe('a limit per index', () => {
  const spec = { backoffLimitPerIndex: 1, backoffLimit: 2147483647 };
  const look = (extra: Partial<JobSpec>, pods: Pod[], status: JobStatus = {}) => {
    const one = job({ ...spec, ...extra }, status);
    const t = tally(one, pods, { isEnding: false });
    return { t, outcome: outcomeOf(one, t, nowMs)?.reason, demand: demandOf(one, t, { pods, nowMs }) };
  };

  it('keeps the failed pod until it is replaced, and lets the index wait on its own', () => {
    const lost = failed(0);
    const { t, demand } = look({}, [lost, pod({ index: 1 })]);
    expect(t.toReplace.get(0)).toBe(lost);
    expect(t.released).toEqual([]);
    expect(demand).toEqual({ create: [{ index: 2, replaced: undefined }], delete: [], retryMs: 5000 });
    const after = look({}, [lost, pod({ index: 0, failures: 1 }), pod({ index: 1 })]);
    expect(after.t.released).toEqual([lost]);
    expect(after.t.status.failedIndexes).toBe('');
  });

  it('fails the index that has had its tries; the others go on', () => {
    const { t, outcome, demand } = look({}, [failed(0, 1), pod({ index: 1 })]);
    expect(t.status.failedIndexes).toBe('0');
    expect(outcome).toBeUndefined();
    expect(demand.create).toEqual([{ index: 2, replaced: undefined }]);
  });

  it('fails the job when too many indexes have failed, or every index is decided', () => {
    expect(look({ maxFailedIndexes: 1 }, [failed(0, 1), failed(1, 1)]).outcome).toBe('MaxFailedIndexesExceeded');
    expect(look({}, [failed(0, 1)], { completedIndexes: '1,2' }).outcome).toBe('FailedIndexes');
  });

  it('FailIndex: has no tries left', () => {
    const rules = [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [3] } }] as PodFailurePolicyRule[];
    const pods = [pod({ index: 0, phase: 'Failed', exitCode: 3 })];
    expect(look({ podFailurePolicy: { rules } }, pods).t.status.failedIndexes).toBe('0');
  });
});

describe('the demand of a job', () => {
  const ask = (spec: Partial<JobSpec>, pods: Pod[], status: JobStatus = {}) => {
    const one = job(spec, status);
    const { create, delete: victims } = demandOf(one, tally(one, pods, { isEnding: false }), { pods, nowMs });
    return {
      create: create.map((wish) => wish.index),
      delete: victims.map((p) => p.metadata.annotations?.['batch.kubernetes.io/job-completion-index']),
    };
  };
  it.each<[string, Partial<JobSpec>, Pod[], object, JobStatus?]>([
    ['indexes that nobody works at', {}, [pod({ index: 1 })], { create: [0, 2], delete: [] }],
    ['not those that are done', {}, [], { create: [2], delete: [] }, { completedIndexes: '0,1' }],
    ['no more than the parallelism', { parallelism: 1 }, [pod({ index: 0 })], { create: [], delete: [] }],
    [
      'fewer, when parallelism shrinks',
      { parallelism: 1 },
      [pod({ index: 0 }), pod({ index: 1 })],
      { create: [], delete: [expect.any(String)] },
    ],
    [
      'none of an index beyond the completions',
      { completions: 1 },
      [pod({ index: 0 }), pod({ index: 1 })],
      { create: [], delete: ['1'] },
    ],
    ['one of an index', {}, [0, 0, 1, 2].map((index) => pod({ index })), { create: [], delete: ['0'] }],
    [
      'a replacement for one that is going',
      { parallelism: 1 },
      [pod({ index: 0, isGoing: true, isTracked: false })],
      { create: [0], delete: [] },
    ],
    [
      'none before it has ended, with policy Failed',
      { parallelism: 1, podReplacementPolicy: 'Failed' },
      [pod({ index: 0, isGoing: true })],
      { create: [], delete: [] },
    ],
    ['none while suspended', { suspend: true }, [pod({ index: 0 })], { create: [], delete: ['0'] }],
    [
      'without completions: as many as the parallelism',
      { completionMode: 'NonIndexed', completions: undefined },
      [pod({})],
      { create: [undefined, undefined], delete: [] },
    ],
    [
      'without completions: no more after a success',
      { completionMode: 'NonIndexed', completions: undefined },
      [pod({}), pod({ phase: 'Succeeded' })],
      { create: [], delete: [] },
    ],
  ])('%s', (_what, spec, pods, ...[expected, status]) => {
    expect(ask(spec, pods, status)).toEqual(expected);
  });
});

describe('the books of a job', () => {
  const plain = { completionMode: 'NonIndexed' } as const;
  it('notes first, counts when the finalizer is gone', () => {
    const ended = pod({ phase: 'Succeeded' });
    const uid = ended.metadata.uid as string;
    const first = tally(job(plain), [ended], { isEnding: false });
    expect(first.status).toMatchObject({ uncountedTerminatedPods: { succeeded: [uid] } });
    expect([first.status.succeeded, first.succeeded, first.released]).toEqual([undefined, 1, [ended]]);
    const after = tally(job(plain, first.status), [], { isEnding: false });
    expect(after.status).toMatchObject({ succeeded: 1, uncountedTerminatedPods: {} });
  });

  it('notes at most 500 at once and keeps the finalizers of the others', () => {
    const pods = Array.from({ length: 600 }, () => pod({ phase: 'Succeeded' }));
    const t = tally(job({ ...plain, completions: 600 }), pods, { isEnding: false });
    expect(t.status.uncountedTerminatedPods?.succeeded).toHaveLength(500);
    expect(t.released).toHaveLength(500);
    expect(t.succeeded).toBe(500);
  });

  it('counts what it deletes as failed when it ends', () => {
    const going = pod({ isGoing: true });
    const one = job({ ...plain, podReplacementPolicy: 'Failed' });
    expect(tally(one, [going], { isEnding: false }).failed).toBe(0);
    expect(tally(one, [going], { isEnding: true }).failed).toBe(1);
  });
});
