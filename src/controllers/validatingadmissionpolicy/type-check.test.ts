import { describe, expect, it } from 'vitest';
import type { CustomResourceDefinition, ValidatingAdmissionPolicy } from '../../api/generated/types.ts';
import { typeWarnings } from './type-check.ts';

const rule = (group: string, resource: string, version = 'v1') => ({
  apiGroups: [group],
  apiVersions: [version],
  operations: ['*'],
  resources: [resource],
});
const policy = (rules: object[], expressions: string[], more: object = {}) =>
  ({
    metadata: { name: 'p' },
    spec: {
      matchConstraints: { resourceRules: rules },
      validations: expressions.map((expression) => ({ expression })),
      ...more,
    },
  }) as unknown as ValidatingAdmissionPolicy;
const definition = {
  spec: {
    group: 'test.io',
    names: { plural: 'boats', kind: 'Boat' },
    versions: [
      {
        name: 'v1',
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { sails: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
} as unknown as CustomResourceDefinition;

describe('types of a policy', () => {
  const deployments = rule('apps', 'deployments');

  it('are right where fields exist and are compared with their like', () => {
    const expressions = [
      'object.spec.replicas > 1',
      'object.metadata.labels["a"] == "b"',
      'object.spec.template.spec.containers.all(c, c.image.startsWith("x") && c.resources.limits["cpu"] == "1")',
      'object.metadata.creationTimestamp < timestamp("2030-01-01T00:00:00Z")',
      'has(object.spec.strategy.rollingUpdate) && object.spec.strategy.rollingUpdate.maxSurge == 1',
    ];
    expect(typeWarnings(policy([deployments], expressions), [])).toEqual([]);
  });

  it('are wrong where they do not, for each kind', () => {
    expect(typeWarnings(policy([deployments, rule('', 'pods')], ['object.spec.replicas > "1"', 'true']), [])).toEqual([
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > \"1\"\n | .....................^\n\nv1, Kind=Pod: ERROR: <input>:1:12: undefined field 'replicas'\n | object.spec.replicas > \"1\"\n | ...........^\n",
      },
    ]);
  });

  it('are those of custom resources, of parameters and of variables', () => {
    const boats = rule('test.io', 'boats');
    const of = (expression: string, more: object = {}) =>
      typeWarnings(policy([boats], [expression], more), [definition]).length;
    expect(of('object.spec.sails > 1')).toBe(0);
    expect(of('object.spec.oars > 1')).toBe(1);
    const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
    expect(of('params.data["a"] == "b"', { paramKind })).toBe(0);
    expect(of('params.spec.a == "b"', { paramKind })).toBe(1);
    const variables = [{ name: 'many', expression: 'object.spec.sails > 3' }];
    expect(of('variables.many', { variables })).toBe(0);
    expect(of('variables.many == "a"', { variables })).toBe(1);
    expect(of('variables.none', { variables })).toBe(1);
  });

  it('are not looked at behind wildcards and in kinds that nobody knows', () => {
    expect(
      typeWarnings(policy([rule('*', 'pods'), rule('', '*'), rule('x.io', 'things')], ['object.nothing']), []),
    ).toEqual([]);
  });

  it('are checked in messages, too', () => {
    const validations = [{ expression: 'true', messageExpression: '"a" + object.spec.nothing' }];
    expect(typeWarnings(policy([deployments], [], { validations }), []).map(({ fieldRef }) => fieldRef)).toEqual([
      'spec.validations[0].messageExpression',
    ]);
  });
});
