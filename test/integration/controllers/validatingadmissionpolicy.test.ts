import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { validatingadmissionpolicies } from '../../../src/api/generated/resources.ts';
import type { ValidatingAdmissionPolicy } from '../../../src/api/generated/types.ts';
import { Plane } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({ only: ['validatingadmissionpolicy.status'] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const rule = { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['deployments'] };
const policy = (expression: string) =>
  ({
    metadata: { name: 'typed' },
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression }] },
  }) as unknown as ValidatingAdmissionPolicy;
const current = () => plane.admin.get(validatingadmissionpolicies, { name: 'typed' });

describe('ValidatingAdmissionPolicy', () => {
  it('says in its status where its types do not fit, once a generation', async () => {
    await plane.admin.create(validatingadmissionpolicies, policy('object.spec.replicas.nothing == 1'));
    await plane.settle();
    const wrong = await current();
    expect(wrong.status).toEqual({
      observedGeneration: 1,
      typeChecking: {
        expressionWarnings: [
          {
            fieldRef: 'spec.validations[0].expression',
            warning:
              "apps/v1, Kind=Deployment: ERROR: <input>:1:21: type 'int' does not support field selection\n | object.spec.replicas.nothing == 1\n | ....................^\n",
          },
        ],
      },
    });
    await plane.admin.update(validatingadmissionpolicies, {
      ...wrong,
      spec: { ...wrong.spec, validations: [{ expression: 'object.spec.replicas == 1' }] },
    });
    await plane.settle();
    expect((await current()).status).toEqual({ observedGeneration: 2, typeChecking: {} });
    expect(await plane.writesOfRestart([validatingadmissionpolicies])).toEqual([]);
  });
});
