import { expect, it } from 'vitest';
import type { Pod, PodPhase } from '../api/generated/types.ts';
import { mustMove } from './drain.ts';
import { atLeast } from './up.ts';

it('a drain leaves pods of DaemonSets, static pods and pods that have ended', () => {
  const pod = (metadata: object, phase: PodPhase = 'Running'): Pod => ({
    metadata: { name: 'p', ...metadata },
    spec: { containers: [] },
    status: { phase },
  });
  const owner = (kind: string) => ({
    ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'o', uid: 'u', controller: true }],
  });
  expect(mustMove(pod({}))).toBe(true);
  expect(mustMove(pod(owner('ReplicaSet')))).toBe(true);
  expect(mustMove(pod(owner('DaemonSet')))).toBe(false);
  expect(mustMove(pod({ annotations: { 'kubernetes.io/config.mirror': 'x' } }))).toBe(false);
  expect(mustMove(pod({}, 'Succeeded'))).toBe(false);
});

it('nodes that are wanted besides those that are there get the lowest free numbers', () => {
  expect(atLeast(1, [])).toEqual(['node1']);
  expect(atLeast(3, ['node2', 'big'])).toEqual(['node2', 'big', 'node1']);
  expect(atLeast(1, ['a', 'b'])).toEqual(['a', 'b']);
});
