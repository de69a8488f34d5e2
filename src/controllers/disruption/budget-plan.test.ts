import { describe, expect, it } from 'vitest';
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetSpec } from '../../api/generated/types.ts';
import { budgetStatus, disruptedPods } from './budget-plan.ts';

const nowMs = Date.UTC(2026, 0, 1);
const budget = (spec: PodDisruptionBudgetSpec, disrupted?: Record<string, string>): PodDisruptionBudget =>
  ({ metadata: { name: 'b', generation: 1 }, spec, status: { disruptedPods: disrupted } }) as PodDisruptionBudget;
const pod = (name: string, { ready = true, going = false } = {}): Pod =>
  ({
    metadata: { name, deletionTimestamp: going ? '2026-01-01T00:00:00Z' : undefined },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as Pod;

describe('the status of a budget', () => {
  const pods = [pod('a'), pod('b'), pod('c', { ready: false }), pod('d', { going: true })];
  it.each<[string, PodDisruptionBudgetSpec, number, object]>([
    ['so many must stay', { minAvailable: 1 }, 5, { disruptionsAllowed: 1, desiredHealthy: 1, expectedPods: 4 }],
    [
      'a share must stay, rounded up',
      { minAvailable: '21%' },
      5,
      { disruptionsAllowed: 0, desiredHealthy: 2, expectedPods: 5 },
    ],
    ['so many may go', { maxUnavailable: 4 }, 5, { disruptionsAllowed: 1, desiredHealthy: 1, expectedPods: 5 }],
    ['a share may go, rounded up', { maxUnavailable: '61%' }, 5, { disruptionsAllowed: 1, desiredHealthy: 1 }],
    ['more than there are may go', { maxUnavailable: 9 }, 5, { disruptionsAllowed: 2, desiredHealthy: 0 }],
    ['nothing is wanted: nothing may go', { maxUnavailable: 9 }, 0, { disruptionsAllowed: 0, desiredHealthy: 0 }],
  ])('%s', (_what, spec, scale, expected) => {
    const status = budgetStatus(budget(spec), { scale, pods }, { pending: {}, nowMs });
    expect(status).toMatchObject({ currentHealthy: 2, observedGeneration: 1, ...expected });
    const reason = status.disruptionsAllowed ? 'SufficientPods' : 'InsufficientPods';
    expect(status.conditions).toMatchObject([{ type: 'DisruptionAllowed', reason, observedGeneration: 1 }]);
  });

  it('counts an evicted pod as gone for two minutes', () => {
    const evicted = budget(
      { minAvailable: 1 },
      { a: '2025-12-31T23:59:00Z', b: '2025-12-31T23:58:00Z', gone: '2025-12-31T23:59:00Z' },
    );
    const { pending, overdue, recheckMs } = disruptedPods(evicted, pods, nowMs);
    expect([Object.keys(pending), overdue.map((p) => p.metadata.name), recheckMs]).toEqual([['a'], ['b'], 60_000]);
    expect(budgetStatus(evicted, { scale: 0, pods }, { pending, nowMs })).toMatchObject({
      currentHealthy: 1,
      disruptionsAllowed: 0,
      disruptedPods: pending,
    });
  });
});
