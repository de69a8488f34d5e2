import { describe, expect, it } from 'vitest';
import { daemonSet } from '../apps/daemon-set.ts';
import { namespace } from '../core/namespace.ts';
import { persistentVolumeClaim } from '../core/persistent-volume-claim.ts';
import type { DaemonSet, Job, Namespace, PersistentVolumeClaim } from '../generated/types.ts';
import type { Strategy } from '../strategy.ts';
import { job } from './job.ts';

const made = <T>(strategy: Strategy, object: object): T => {
  strategy.prepareForCreate?.(object as never);
  return object as T;
};
const metadata = { name: 'j', uid: 'u-1' };

describe('a job', () => {
  it('selects the pods that carry its own uid', () => {
    const { spec } = made<Job>(job, { metadata, spec: { template: { metadata: { labels: { app: 'a' } } } } });
    expect(spec.selector).toEqual({ matchLabels: { 'batch.kubernetes.io/controller-uid': 'u-1' } });
    expect(spec.template.metadata?.labels).toEqual({
      app: 'a',
      'batch.kubernetes.io/controller-uid': 'u-1',
      'batch.kubernetes.io/job-name': 'j',
      'controller-uid': 'u-1',
      'job-name': 'j',
    });
  });

  it('is left alone with a selector of its own', () => {
    const selector = { matchLabels: { app: 'a' } };
    const { spec } = made<Job>(job, { metadata, spec: { manualSelector: true, selector, template: {} } });
    expect(spec).toEqual({ manualSelector: true, selector, template: {} });
  });

  it.each([
    [{ startTime: '2026-01-01T00:00:00Z' }, ['Running', '0/3', '90s']],
    [{ conditions: [{ type: 'Suspended', status: 'True' }] }, ['Suspended', '0/3', '']],
    [
      {
        succeeded: 3,
        startTime: '2026-01-01T00:00:00Z',
        completionTime: '2026-01-01T00:00:07Z',
        conditions: [{ type: 'Complete', status: 'True' }],
      },
      ['Complete', '3/3', '7s'],
    ],
  ])('shows %j', (status, expected) => {
    const object = { metadata, spec: { completions: 3, template: {} }, status } as never;
    expect(job.cells?.(object, Date.UTC(2026, 0, 1, 0, 1, 30)).slice(1, 4)).toEqual(expected);
  });
});

it('a daemon set counts changes of its template', () => {
  const key = 'deprecated.daemonset.template.generation';
  const old = made<DaemonSet>(daemonSet, { metadata, spec: { template: { spec: { containers: [] } } } });
  expect(old.metadata.annotations).toEqual({ [key]: '1' });
  const same = structuredClone(old);
  daemonSet.prepareForUpdate?.(same, old);
  expect(same.metadata.annotations).toEqual({ [key]: '1' });
  const other = { ...structuredClone(old), spec: { template: {} } };
  daemonSet.prepareForUpdate?.(other as never, old);
  expect(other.metadata.annotations).toEqual({ [key]: '2' });
});

it('a namespace is active and finalized by its content', () => {
  const object = made<Namespace>(namespace, { metadata: { name: 'n' }, status: { phase: 'Terminating' } });
  expect(object).toMatchObject({ spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
  const update = { metadata: { name: 'n' }, spec: { finalizers: [] } };
  namespace.prepareForUpdate?.(update as never, object);
  expect(update.spec.finalizers).toEqual(['kubernetes']);
});

describe('a claim', () => {
  it('names its source both ways', () => {
    const source = { kind: 'PersistentVolumeClaim', name: 'c' };
    const { spec } = made<PersistentVolumeClaim>(persistentVolumeClaim, { metadata, spec: { dataSource: source } });
    expect(spec.dataSourceRef).toEqual(source);
    const byReference = made<PersistentVolumeClaim>(persistentVolumeClaim, {
      metadata,
      spec: { dataSourceRef: source },
    });
    expect(byReference.spec.dataSource).toEqual(source);
  });

  it('drops a source that is neither a claim nor a snapshot', () => {
    const spec = { dataSource: { kind: 'Bucket', apiGroup: 'x.io', name: 'b' } };
    expect(made<PersistentVolumeClaim>(persistentVolumeClaim, { metadata, spec }).spec).toEqual({});
  });
});
