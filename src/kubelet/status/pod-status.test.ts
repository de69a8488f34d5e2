import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types.ts';
import { workFor } from '../worker/records.ts';
import type { ContainerWork, PodState, RuntimeContainer } from '../worker/state.ts';
import { podPhase } from './pod-phase.ts';
import { podStatus } from './pod-status.ts';
import { volumeMountStatuses } from './volume-mounts.ts';

const container = (name: string, more: Partial<RuntimeContainer>): RuntimeContainer => ({
  id: `id-${name}`,
  name,
  attempt: 0,
  sandboxId: 's',
  state: 'running',
  createdAtMs: 1,
  startedAtMs: 2,
  finishedAtMs: 0,
  exitCode: 0,
  reason: '',
  message: '',
  image: 'image',
  imageId: 'sha256:1',
  specHash: '',
  round: 0,
  ...more,
});

function stateOf(restartPolicy: Pod['spec']['restartPolicy'], works: Partial<ContainerWork>[]): PodState {
  const containers = Object.fromEntries(
    works.map((work, i) => {
      const name = work.name ?? `c${i}`;
      return [name, { ...workFor(name, 'app'), postStart: 'done' as const, ...work }];
    }),
  );
  const spec = { restartPolicy, containers: Object.keys(containers).map((name) => ({ name })) };
  const pod: Pod = { metadata: { name: 'p' }, spec, status: {} };
  const known = { pod, containers, stage: 'syncing', isInitialized: true, round: 0, startTimeMs: 0, status: {} };
  return { ...known, allocated: {}, applied: {} } as unknown as PodState;
}

describe('the phase', () => {
  const failed = container('c0', { state: 'exited', exitCode: 1 });

  it('is Running while a container that failed is made again', () => {
    for (const restartPolicy of ['OnFailure', 'Always'] as const) {
      const made = container('c0', { state: 'created', attempt: 1 });
      expect(podPhase(stateOf(restartPolicy, [{ current: failed }]))).toBe('Running');
      expect(podPhase(stateOf(restartPolicy, [{ previous: failed, current: made }]))).toBe('Running');
    }
  });

  it('is what the last exit codes say when nothing runs again', () => {
    const done = container('c0', { state: 'exited', exitCode: 0 });
    expect(podPhase(stateOf('OnFailure', [{ previous: failed, current: done }]))).toBe('Succeeded');
    expect(podPhase(stateOf('Never', [{ current: failed }, { current: done }]))).toBe('Failed');
  });
});

it('the pod as a whole has what its containers have, and limits only where all of them have one', () => {
  const state = stateOf('Always', [{ name: 'a' }, { name: 'b' }]);
  const limits = { cpu: '1', memory: '128Mi' };
  const allocated = { a: { requests: { cpu: '250m', memory: '64Mi' }, limits }, b: { limits: { cpu: '500m' } } };
  const { allocatedResources, resources } = podStatus({ ...state, allocated, applied: {} }, { nowMs: 0, hostIps: [] });
  expect([allocatedResources, resources]).toEqual([{ cpu: '250m', memory: '64Mi' }, undefined]);
  const applied = podStatus({ ...state, allocated, applied: allocated }, { nowMs: 0, hostIps: [] });
  expect(applied.resources).toEqual({ requests: allocatedResources, limits: { cpu: '1500m' } });
});

it('containers stand in the order of their names', () => {
  const names = ['web', 'app', 'logger'];
  const state = stateOf(
    'Always',
    names.map((name) => ({ name, current: container(name, {}) })),
  );
  const { containerStatuses = [] } = podStatus(state, { nowMs: 0, hostIps: [] });
  expect(containerStatuses.map(({ name }) => name)).toEqual(['app', 'logger', 'web']);
});

describe('the mounts of a container', () => {
  const mounts = [
    { name: 'a', mountPath: '/a' },
    { name: 'b', mountPath: '/b', readOnly: true },
    { name: 'c', mountPath: '/c', readOnly: true, recursiveReadOnly: 'IfPossible' },
    { name: 'd', mountPath: '/d', readOnly: true, recursiveReadOnly: 'Enabled' },
  ];
  const shown = (isSupported: boolean) =>
    volumeMountStatuses(mounts, isSupported)?.map(({ readOnly, recursiveReadOnly }) => [readOnly, recursiveReadOnly]);

  it('are shown as they can be', () => {
    const [plain, no, yes] = [
      [undefined, undefined],
      [true, 'Disabled'],
      [true, 'Enabled'],
    ];
    expect(shown(true)).toEqual([plain, no, yes, yes]);
    expect(shown(false)).toEqual([plain, no, no, no]);
    expect(volumeMountStatuses(undefined, true)).toBeUndefined();
  });

  it('are put into words once for each spec', () => {
    expect(volumeMountStatuses(mounts, true)).toBe(volumeMountStatuses(mounts, true));
  });

  it('stand in the status of one that waits, and of one that runs', () => {
    const state = stateOf('Always', [{ name: 'waits' }, { name: 'works', current: container('works', {}) }]);
    for (const one of state.pod.spec.containers) one.volumeMounts = mounts.slice(1, 2);
    const { containerStatuses = [] } = podStatus(state, { nowMs: 0, hostIps: [] });
    const b = { name: 'b', mountPath: '/b', readOnly: true, recursiveReadOnly: 'Disabled' };
    expect(containerStatuses.map(({ volumeMounts }) => volumeMounts)).toEqual([[b], [b]]);
  });
});
