import { describe, expect, it } from 'vitest';
import type { Pod, StatefulSet, StatefulSetSpec } from '../../api/generated/types.ts';
import { claimOwners } from './claim-owners.ts';
import { labelNames } from './identity.ts';
import { plan, type Step } from './plan.ts';

const set = (spec: Partial<StatefulSetSpec>): StatefulSet =>
  ({ metadata: { name: 'web', namespace: 'default', uid: 'set' }, spec: { replicas: 3, ...spec } }) as StatefulSet;

type Health = 'ready' | 'unready' | 'going' | 'failed' | 'pending';
function pod(ordinal: number, health: Health = 'ready', revision = 'new'): Pod {
  const phases: Record<string, string> = { failed: 'Failed', pending: 'Pending' };
  const name = `web-${ordinal}`;
  const labels = {
    [labelNames.podName]: name,
    [labelNames.podIndex]: String(ordinal),
    [labelNames.revision]: revision,
  };
  const ready = health === 'ready' || health === 'going';
  return {
    metadata: { name, uid: name, labels, ...(health === 'going' ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
    spec: { containers: [] },
    status: {
      phase: phases[health] ?? 'Running',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    },
  } as unknown as Pod;
}

const names = (steps: Step[]): string[] =>
  steps.map((s) => `${s.do} ${'pod' in s ? s.pod.metadata.name : `web-${s.ordinal}`}`);
const ask = (spec: Partial<StatefulSetSpec>, pods: Pod[]): string[] =>
  names(plan({ set: set(spec), pods, currentRevision: 'old', updateRevision: 'new', nowMs: Date.UTC(2026, 0, 1) }));

const parallel = { podManagementPolicy: 'Parallel' } as const;
const partition = (n: number) => ({ updateStrategy: { rollingUpdate: { partition: n } } });
const maxUnavailable = (n: number | string) => ({ updateStrategy: { rollingUpdate: { maxUnavailable: n } } });

describe('the plan of a StatefulSet', () => {
  it.each<[string, Partial<StatefulSetSpec>, Pod[], string[]]>([
    ['creates the first that is missing', {}, [pod(0), pod(2)], ['create web-1']],
    ['waits for one that is not ready', {}, [pod(0, 'unready')], []],
    ['waits for one that is not available yet', { minReadySeconds: 5 }, [pod(0)], []],
    ['fetches claims for one that is pending, and waits', {}, [pod(0, 'pending')], ['ensureClaims web-0']],
    ['waits for one that is going', {}, [pod(0, 'going')], []],
    ['takes away one that has failed', {}, [pod(0, 'failed')], ['delete web-0']],
    ['in parallel creates all', parallel, [pod(1, 'unready')], ['create web-0', 'create web-2']],
    ['counts from its first ordinal', { ordinals: { start: 2 } }, [pod(2)], ['create web-3']],
    ['removes the highest first', { replicas: 1 }, [0, 1, 2].map((n) => pod(n)), ['delete web-2']],
    [
      'removes below the first ordinal too',
      { replicas: 1, ordinals: { start: 1 } },
      [pod(0), pod(1)],
      ['delete web-0'],
    ],
    ['waits for a removed one to go', { replicas: 1 }, [pod(0), pod(1), pod(2, 'going')], []],
    ['halts at an unhealthy one', { replicas: 0 }, [pod(0, 'unready'), pod(1, 'unready')], []],
    ['removes the only unhealthy one', { replicas: 1 }, [pod(0), pod(1, 'unready')], ['delete web-1']],
    [
      'in parallel removes all',
      { ...parallel, replicas: 1 },
      [0, 1, 2].map((n) => pod(n)),
      ['delete web-2', 'delete web-1'],
    ],
    ['updates the highest first', {}, [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2)], ['delete web-1']],
    ['does not update below the partition', partition(2), [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2)], []],
    [
      'two at once',
      { ...parallel, ...maxUnavailable(2) },
      [0, 1, 2].map((n) => pod(n, 'ready', 'old')),
      ['delete web-2', 'delete web-1'],
    ],
    [
      'a share rounds down, but never to 0',
      maxUnavailable('10%'),
      [0, 1, 2].map((n) => pod(n, 'ready', 'old')),
      ['delete web-2'],
    ],
    ['waits for what it updated', parallel, [pod(0, 'ready', 'old'), pod(1, 'ready', 'old'), pod(2, 'unready')], []],
    [
      'replaces a broken one of the old revision',
      parallel,
      [pod(0), pod(1, 'unready', 'old'), pod(2)],
      ['delete web-1'],
    ],
    [
      'OnDelete: leaves them',
      { updateStrategy: { type: 'OnDelete' } },
      [0, 1, 2].map((n) => pod(n, 'ready', 'old')),
      [],
    ],
    ['settled', {}, [0, 1, 2].map((n) => pod(n)), []],
  ])('%s', (_what, spec, pods, expected) => {
    expect(ask(spec, pods)).toEqual(expected);
  });

  it('makes a pod below the partition again as it was', () => {
    const w = { set: set(partition(1)), pods: [], currentRevision: 'old', updateRevision: 'new', nowMs: 0 };
    expect(plan(w)).toEqual([{ do: 'create', ordinal: 0, revision: 'old' }]);
    const above = { ...w, set: set({ ...partition(1), ordinals: { start: 0 } }), pods: [pod(0, 'ready', 'old')] };
    expect(plan({ ...above, nowMs: Date.UTC(2026, 0, 1) })[0]).toEqual({ do: 'create', ordinal: 1, revision: 'new' });
  });
});

describe('the owners of a claim', () => {
  const owners = (whenDeleted: string, whenScaled: string, ordinal: number) =>
    claimOwners(
      { metadata: { name: 'c', ownerReferences: [{ kind: 'X', apiVersion: 'v1', name: 'x', uid: 'x' }] } } as never,
      set({ persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } }),
      pod(ordinal),
    )?.map((ref) => `${ref.kind} ${ref.name}`);
  it.each<[string, string, number, string[] | undefined]>([
    ['Retain', 'Retain', 0, undefined],
    ['Retain', 'Retain', 3, undefined],
    ['Delete', 'Retain', 0, ['X x', 'StatefulSet web']],
    ['Delete', 'Retain', 3, ['X x', 'StatefulSet web']],
    ['Retain', 'Delete', 0, undefined],
    ['Retain', 'Delete', 3, ['X x', 'Pod web-3']],
    ['Delete', 'Delete', 0, ['X x', 'StatefulSet web']],
    ['Delete', 'Delete', 3, ['X x', 'Pod web-3']],
  ])('deleted: %s, scaled: %s, pod %i', (whenDeleted, whenScaled, ordinal, expected) => {
    expect(owners(whenDeleted, whenScaled, ordinal)).toEqual(expected);
  });
});
