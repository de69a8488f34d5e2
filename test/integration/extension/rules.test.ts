import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiProcess } from './api-process.ts';

const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

function definition(plural: string, spec: object) {
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
  const openAPIV3Schema = { type: 'object', properties: { spec } };
  return {
    metadata: { name: `${plural}.rules.io` },
    spec: {
      group: 'rules.io',
      scope: 'Cluster',
      names: { plural, kind },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

const rule = (text: string, more: object = {}) => ({ rule: text, ...more });

/** x-kubernetes-validations, from the definition to the objects. */
describe('validation rules', () => {
  let server: ApiProcess;
  const crates = '/apis/rules.io/v1/crates';
  const crate = (name: string, spec: object) => ({
    apiVersion: 'rules.io/v1',
    kind: 'Crate',
    metadata: { name },
    spec,
  });
  const causes = async (answer: Promise<{ body: { details?: { causes: { field: string; message: string }[] } } }>) =>
    ((await answer).body.details?.causes ?? []).map((c) => `${c.field}: ${c.message}`);

  beforeAll(async () => {
    server = await ApiProcess.start();
    await server.define(
      definition('crates', {
        type: 'object',
        'x-kubernetes-validations': [
          rule('self.min <= self.max', { message: 'min is above max', fieldPath: '.min' }),
          rule('!has(self.owner) || self.owner != self.name', {
            messageExpression: '"%s owns itself".format([self.name])',
            reason: 'FieldValueForbidden',
          }),
        ],
        properties: {
          min: { type: 'integer' },
          max: { type: 'integer' },
          name: {
            type: 'string',
            maxLength: 10,
            'x-kubernetes-validations': [rule('self == oldSelf', { message: 'fixed' })],
          },
          owner: { type: 'string', maxLength: 10 },
          size: {
            type: 'string',
            maxLength: 10,
            'x-kubernetes-validations': [rule('quantity(self).isLessThan(quantity("1Gi"))')],
          },
          parts: {
            type: 'array',
            maxItems: 5,
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['id'],
            items: {
              type: 'object',
              required: ['id'],
              properties: {
                id: { type: 'string', maxLength: 5 },
                n: { type: 'integer', 'x-kubernetes-validations': [rule('self >= oldSelf')] },
              },
            },
          },
          ports: {
            type: 'object',
            maxProperties: 3,
            additionalProperties: {
              'x-kubernetes-int-or-string': true,
              'x-kubernetes-validations': [rule('type(self) == string || self > 0')],
            },
          },
        },
      }),
    );
    await server.post(crates, crate('a', { min: 1, max: 2, name: 'n', parts: [{ id: 'x', n: 3 }] }));
  });
  afterAll(() => server.close());

  it('refuse in their own words, at the place that they name', async () => {
    expect(
      await causes(
        server.post(
          crates,
          crate('b', { min: 3, max: 2, name: 'n', owner: 'n', size: '2Gi', ports: { p: 0, q: 'x' } }),
        ),
      ),
    ).toEqual([
      'spec.min: Invalid value: "object": min is above max',
      'spec: Forbidden: n owns itself',
      'spec.ports[p]: Invalid value: "": failed rule: type(self) == string || self > 0',
      'spec.size: Invalid value: "string": failed rule: quantity(self).isLessThan(quantity("1Gi"))',
    ]);
  });

  it('say what could not be evaluated', async () => {
    expect(await causes(server.post(crates, crate('b', { min: 1, max: 2, name: 'n', size: 'big' })))).toEqual([
      `spec.size: Invalid value: "string": 'quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'' evaluating rule: quantity(self).isLessThan(quantity("1Gi"))`,
    ]);
  });

  it('compare with what was before, element by element', async () => {
    const put = async (spec: object) => {
      const { body } = await server.get(`${crates}/a`);
      return server.put(`${crates}/a`, { ...body, spec: { ...body.spec, ...spec } });
    };
    expect(await causes(put({ name: 'other' }))).toEqual(['spec.name: Invalid value: "string": fixed']);
    expect(
      await causes(
        put({
          parts: [
            { id: 'y', n: 1 },
            { id: 'x', n: 2 },
          ],
        }),
      ),
    ).toEqual(['spec.parts[1].n: Invalid value: "integer": failed rule: self >= oldSelf']);
    expect(
      (
        await put({
          parts: [
            { id: 'y', n: 1 },
            { id: 'x', n: 4 },
          ],
        })
      ).status,
    ).toBe(200);
  });

  it('wait until the object is well-formed', async () => {
    expect(await causes(server.post(crates, crate('b', { min: 'x', max: 2 })))).toEqual([
      'spec.min: Invalid value: "string": spec.min in body must be of type integer: "string"',
      '<nil>: Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    ]);
  });

  it('forgive what an update leaves as it was', async () => {
    await server.define(
      definition('hulls', { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer' } } }),
    );
    const hulls = '/apis/rules.io/v1/hulls';
    await server.post(hulls, {
      apiVersion: 'rules.io/v1',
      kind: 'Hull',
      metadata: { name: 'h' },
      spec: { a: -1, b: 1 },
    });
    const patch = {
      op: 'add',
      path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/x-kubernetes-validations',
      value: [rule('self > 0')],
    };
    await server.patch(`${path}/hulls.rules.io`, [patch], 'json-patch+json');
    const refuses = async () =>
      (
        await server.post(`${hulls}?dryRun=All`, {
          apiVersion: 'rules.io/v1',
          kind: 'Hull',
          metadata: { name: 'x' },
          spec: { a: -1 },
        })
      ).status === 422;
    while (!(await refuses()));
    expect((await server.patch(`${hulls}/h`, { spec: { b: 2 } })).status).toBe(200);
    expect((await server.patch(`${hulls}/h`, { spec: { a: -2 } })).status).toBe(422);
  });

  it.each<[string, object, string]>([
    [
      'does not compile',
      { type: 'object', properties: { a: { type: 'string' } }, 'x-kubernetes-validations': [rule('self.b == 1')] },
      `rule: Invalid value: {"Rule":"self.b == 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'b'\n | self.b == 1\n | ....^`,
    ],
    [
      'is no bool',
      { type: 'object', properties: { a: { type: 'integer' } }, 'x-kubernetes-validations': [rule('self.a')] },
      'rule: Invalid value: {"Rule":"self.a","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool',
    ],
    [
      'may cost too much',
      {
        type: 'object',
        properties: { a: { type: 'array', items: { type: 'string' } } },
        'x-kubernetes-validations': [rule('self.a.all(x, self.a.all(y, x == y))')],
      },
      'rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)',
    ],
    [
      'speaks of the past where nothing has an identity',
      {
        type: 'object',
        properties: {
          a: {
            type: 'array',
            maxItems: 2,
            items: { type: 'integer', 'x-kubernetes-validations': [rule('self == oldSelf')] },
          },
        },
      },
      'rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within spec.validation.openAPIV3Schema',
    ],
    [
      'has no known reason',
      {
        type: 'object',
        properties: { a: { type: 'integer' } },
        'x-kubernetes-validations': [rule('self.a > 1', { reason: 'Nope' })],
      },
      'reason: Unsupported value: "Nope": supported values: "FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"',
    ],
  ])('a definition is refused whose rule %s', async (_, schema, expected) => {
    const answer = await server.post(`${path}?dryRun=All`, definition('bads', schema));
    expect(answer.status).toBe(422);
    expect(answer.body.message).toContain(expected);
  });
});
