import { expect, it } from 'vitest';
import { table } from '../meta/table.ts';
import { scaleView } from './scale.ts';

it('the scale of a resource has columns of its own', () => {
  const created = '2026-01-01T00:00:00Z';
  const scale = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: 'web', creationTimestamp: created },
    spec: { replicas: 3 },
    status: { replicas: 2 },
  };
  const shown = table({ ...scaleView, nowMs: Date.parse(created) + 5000 }, [scale], { metadata: {} });
  expect(shown).toMatchObject({
    columnDefinitions: [{ name: 'Name' }, { name: 'Desired' }, { name: 'Available' }, { name: 'Age' }],
    rows: [{ cells: ['web', 3, 2, '5s'] }],
  });
});
