import { expect, it } from 'vitest';
import type { HorizontalPodAutoscaler } from '../generated/types.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { schema } from '../schema/schema.ts';
import { validateAutoscaler } from './autoscaling.ts';

const type = 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler';

/** What is wrong with a spec that a client sends. */
function refusals(spec: object): string[] {
  const whole = { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd' }, ...spec };
  const object = applyDefaults(type, schema.codecFor(type).decode({ spec: whole }).object);
  return validateAutoscaler(object as HorizontalPodAutoscaler).map((e) => `${e.type} ${e.field}: ${e.message}`);
}

it('wants to be told how many replicas there may be: none at all is no number', () => {
  const below = (n: number) =>
    `FieldValueInvalid spec.maxReplicas: Invalid value: ${n}: must be greater than or equal to \`minReplicas\``;
  const missing = 'FieldValueRequired spec.maxReplicas: Required value: must be set and greater than 0';
  expect(refusals({ maxReplicas: 1 })).toEqual([]);
  expect(refusals({ maxReplicas: 0 })).toEqual([missing, below(0)]);
  expect(refusals({ maxReplicas: undefined })).toEqual([missing, below(0)]);
  expect(refusals({ maxReplicas: -1 })).toEqual([
    'FieldValueInvalid spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1',
    below(-1),
  ]);
});

it('refuses an empty list of policies, and fills in a missing one', () => {
  const missing = (path: string) =>
    `FieldValueRequired spec.behavior.${path}.policies: Required value: must specify at least one Policy`;
  expect(refusals({ behavior: { scaleUp: { policies: [] } } })).toEqual([missing('scaleUp')]);
  expect(refusals({ behavior: { scaleDown: { policies: [] }, scaleUp: {} } })).toEqual([missing('scaleDown')]);
  expect(refusals({ behavior: { scaleUp: { policies: null } } })).toEqual([]);
});

it('takes any tolerance that is not negative', () => {
  const policies = [{ type: 'Pods', value: 1, periodSeconds: 15 }];
  expect(
    refusals({ behavior: { scaleUp: { policies, tolerance: '0' }, scaleDown: { policies, tolerance: '50m' } } }),
  ).toEqual([]);
  expect(refusals({ behavior: { scaleUp: { policies, tolerance: '-0.1' } } })).toEqual([
    'FieldValueInvalid spec.behavior.scaleUp.tolerance: Invalid value: "-100m": must be greater than or equal to 0',
  ]);
});
