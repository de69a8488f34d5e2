import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../resource.ts';
import { customType } from './custom-type.ts';
import { formatNamed } from './formats.ts';
import type { Structural } from './schema.ts';
import { compileValidation } from './validate.ts';

const texts = (schema: Structural, value: unknown, before?: unknown): string[] =>
  compileValidation(schema)(value, before === undefined ? undefined : { value: before }).map(
    ({ field, message }) => `${field}: ${message}`,
  );

describe('value validations', () => {
  it.each<[string, Structural, unknown, string[]]>([
    ['type', { type: 'string' }, {}, ['<nil>: Invalid value: "object": in body must be of type string: "object"']],
    ['whole numbers are numbers', { type: 'number' }, 3, []],
    ['null', { type: 'string' }, null, ['<nil>: Invalid value: "null": in body must be of type string: "null"']],
    ['nullable', { type: 'string', nullable: true }, null, []],
    [
      'enum takes null only when it lists it',
      { type: 'string', nullable: true, enum: ['a'] },
      null,
      ['<nil>: Unsupported value: null: supported values: "a"'],
    ],
    ['characters, not bytes', { type: 'string', maxLength: 2 }, '🚀🚀', []],
    ['pattern', { type: 'string', pattern: '^a+$' }, 'b', [`<nil>: Invalid value: "b": in body should match '^a+$'`]],
    [
      'exclusive bounds',
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      1,
      ['<nil>: Invalid value: 1: in body should be greater than 1'],
    ],
    ['multiples', { type: 'number', multipleOf: 0.1 }, 0.3, []],
    ['multiples', { type: 'number', multipleOf: 2 }, 3, ['<nil>: Invalid value: 3: in body should be a multiple of 2']],
    [
      'not',
      { type: 'object', properties: { a: { type: 'string' } }, not: { required: ['a'] } },
      { a: 'x' },
      ['<nil>: Invalid value: "": "" must not validate the schema (not)'],
    ],
    [
      'anyOf says what the closest alternative lacks',
      { type: 'object', properties: { a: { type: 'string' } }, anyOf: [{ required: ['a', 'b'] }, { required: ['c'] }] },
      { a: 'x' },
      ['<nil>: Invalid value: "": "" must validate at least one schema (anyOf)', 'b: Required value'],
    ],
    [
      'minProperties',
      { type: 'object', minProperties: 1, additionalProperties: { type: 'string' } },
      {},
      ['<nil>: Invalid value: 0: in body should have at least 1 properties'],
    ],
  ])('%s', (_, schema, value, expected) => {
    expect(texts(schema, value)).toEqual(expected);
  });

  it('forgive what did not change, found by key in lists that have keys', () => {
    const schema: Structural = {
      type: 'object',
      properties: {
        list: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'integer', maximum: 3 } } },
        },
        plain: { type: 'array', items: { type: 'integer', maximum: 3 } },
      },
    };
    const before = { list: [{ k: 'a', v: 9 }], plain: [9] };
    expect(
      texts(
        schema,
        {
          list: [
            { k: 'b', v: 1 },
            { k: 'a', v: 9 },
          ],
          plain: [9],
        },
        before,
      ),
    ).toEqual([]);
    expect(texts(schema, { list: [{ k: 'a', v: 8 }] }, before)).toHaveLength(1);
    expect(texts(schema, { plain: [9, 1] }, before)).toHaveLength(1);
  });

  it.each([
    ['date-time', '2024-02-29T10:00:00Z', '2023-02-29T10:00:00Z'],
    ['ipv4', '10.0.0.1', '10.0.0'],
    ['cidr', '10.0.0.0/8', '10.0.0.0/33'],
    ['uuid', '3f333df6-90a4-4fda-8dd3-9485d27cee36', '3f333df6'],
    ['duration', '1h30m', 'soon'],
    ['byte', 'YWJj', 'YWJ'],
    ['email', 'a@b.c', 'a'],
    ['hostname', 'a.example.com', '-a.'],
  ])('format %s', (format, good, bad) => {
    expect([formatNamed(format)?.(good), formatNamed(format)?.(bad)]).toEqual([true, false]);
  });
});

/** Schemas with values that come close to fitting them. */
const scalar = fc.constantFrom<Structural>(
  { type: 'string' },
  { type: 'integer', minimum: 0, maximum: 5 },
  { type: 'string', default: 'd' },
  { type: 'boolean', nullable: true },
  { 'x-kubernetes-int-or-string': true },
);
const schemas = fc.letrec<{ schema: Structural; object: Structural }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    scalar,
    tie('object'),
    tie('schema').map((items): Structural => ({ type: 'array', items })),
  ),
  object: fc.oneof(
    fc
      .dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema'))
      .map((properties): Structural => ({ type: 'object', properties })),
    tie('schema').map((values): Structural => ({ type: 'object', additionalProperties: values })),
    fc.constant<Structural>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
  ),
})).object;
const values = fc.object({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  maxDepth: 4,
  values: [fc.string(), fc.integer({ min: 0, max: 9 }), fc.boolean(), fc.constant(null)],
});
const gvk = { group: 'test.io', version: 'v1', kind: 'T' };
const body = (spec: unknown) => ({ apiVersion: 'test.io/v1', kind: 'T', metadata: { name: 'x' }, spec });

describe('any schema, any object', () => {
  const made = (schema: Structural, spec: unknown): KubeObject => {
    const type = customType({ type: 'object', properties: { spec: schema } }, gvk);
    return type.defaults(type.decode(body(spec)).object);
  };

  it('what was read once is read again as it is', () => {
    fc.assert(
      fc.property(schemas, values, (schema, spec) => {
        const type = customType({ type: 'object', properties: { spec: schema } }, gvk);
        const object = made(schema, spec);
        const { object: again, unknown } = type.decode(structuredClone(object));
        expect(JSON.stringify(type.defaults(again))).toBe(JSON.stringify(object));
        expect(unknown).toEqual([]);
      }),
    );
  });

  it('dropping what a schema does not have makes no object worse', () => {
    fc.assert(
      fc.property(schemas, values, (schema, spec) => {
        const validate = compileValidation(schema);
        fc.pre(validate(spec).length === 0);
        expect(validate((made(schema, spec) as unknown as { spec: unknown }).spec ?? {})).toEqual([]);
      }),
    );
  });

  it('an applied configuration made of a read object fits', () => {
    fc.assert(
      fc.property(schemas, values, (schema, spec) => {
        const type = customType({ type: 'object', properties: { spec: schema } }, gvk);
        const object = made(schema, spec);
        fc.pre(compileValidation(schema)((object as unknown as { spec: unknown }).spec ?? {}).length === 0);
        type.fields.check(object);
      }),
    );
  });
});

describe('resources that are embedded', () => {
  const schema: Structural = {
    type: 'object',
    properties: { template: { type: 'object', 'x-kubernetes-embedded-resource': true } },
  };
  const type = customType(schema, { group: 'test.io', version: 'v1', kind: 'Nest' });
  const nest = (unknown: object) => ({
    apiVersion: 'test.io/v1',
    kind: 'Nest',
    metadata: { name: 'n', ...unknown },
    template: { apiVersion: 'v1', kind: 'Sub', metadata: { name: 's', ...unknown } },
  });

  it('have metadata like all others: what is not known is named and left out', () => {
    const { object, unknown } = type.decode(nest({ foo: 1 }));
    expect(unknown).toEqual(['metadata.foo', 'template.metadata.foo']);
    expect(object).toEqual(nest({}));
  });

  it('are refused in what is applied when their metadata do not fit', () => {
    const applied = nest({ foo: 1, labels: 'none' }) as unknown as KubeObject;
    const misfits = ['.metadata', '.template.metadata'].flatMap((at) => [
      `  ${at}.foo: field not declared in schema`,
      `  ${at}.labels: expected map, got &value.valueUnstructured{Value:"none"}`,
    ]);
    expect(() => type.fields.check?.(applied)).toThrow(
      `failed to create typed patch object (/n; test.io/v1, Kind=Nest): errors:\n${misfits.join('\n')}`,
    );
  });
});

it('OpenAPI 2 lists no members of what takes all', () => {
  const gvk = { group: 'test.io', version: 'v1', kind: 'Raft' };
  const all = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as const;
  const { published } = customType({ ...all, properties: { spec: { type: 'object' } } }, gvk);
  expect(published?.v2).toEqual({ ...all, 'x-kubernetes-group-version-kind': [gvk] });
  expect(published?.v3).toMatchObject({ properties: { metadata: expect.any(Object) } });
});
