import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiProcess, type HttpAnswer } from './api-process.ts';
import { customOf, definition, versionsOf } from './definitions.ts';

let server: ApiProcess;
beforeAll(async () => {
  server = await ApiProcess.start();
});
afterAll(() => server.close());

const strict = 'fieldManager=tests&fieldValidation=Strict';
const said = ({ status, body }: HttpAnswer): [number, string] => [status, body.message];

const text = { type: 'string' };
const port = {
  type: 'object',
  required: ['containerPort', 'protocol'],
  properties: { containerPort: { type: 'integer', format: 'int32' }, name: text, protocol: text },
};
const keys = ['containerPort', 'protocol'];
const ports = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys, items: port };
const properties = { foo: text, schedule: { type: 'string', pattern: '^[*/0-9 ]+$' }, ports };
const specOf = (spec: object) => ({ type: 'object', properties: { spec: { type: 'object', ...spec } } });
const embedded = { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } };

const schemas = {
  knowns: specOf({ properties }),
  opens: specOf({ properties, 'x-kubernetes-preserve-unknown-fields': true }),
  nests: specOf({ properties: { ...properties, template: embedded } }),
  frees: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
};
const definitions = Object.fromEntries(
  Object.entries(schemas).map(([plural, schema]) => [
    plural,
    definition(plural, { versions: versionsOf({ v1: { schema } }) }),
  ]),
) as Record<keyof typeof schemas, ReturnType<typeof definition>>;

/** Server-side apply of YAML, as it stands. */
const apply = (plural: keyof typeof schemas, lines: string): Promise<HttpAnswer> => {
  const made = definitions[plural];
  const yaml = `apiVersion: test.io/v1\nkind: ${made.spec.names.kind}\nmetadata:\n  name: one\n${lines}\n`;
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  return server.send('PATCH', `${customOf(made).path}/one?${strict}`, { body: yaml, headers });
};
const spec = `spec:
  schedule: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP`;

/** Strict validation of what nobody has told a type for, but a schema. */
describe('custom resources, asked to be strict', () => {
  beforeAll(async () => {
    for (const one of Object.values(definitions)) await server.define(one);
  });

  it('are applied where all is known', async () => {
    const { status, body } = await apply('knowns', `${spec}\n  foo: foo1`);
    expect([status, body.spec.ports]).toEqual([201, [{ containerPort: 80, name: 'x', protocol: 'TCP' }]]);
  });

  it('are applied with whatever there is where no schema says more', async () => {
    const { status, body } = await apply('frees', `${spec}\n  unknown: uk1`);
    expect([status, body.spec.unknown]).toEqual([201, 'uk1']);
  });

  it('are refused with more than the schema has', async () => {
    const [status, message] = said(await apply('knowns', `unknownField: unknown\n${spec}`));
    expect(status).toBe(500);
    expect(message).toContain('.unknownField: field not declared in schema');
    const { object, path } = customOf(definitions.knowns);
    expect(said(await server.post(`${path}?${strict}`, object('two', { spec: { bar: 1 }, more: 2 })))).toEqual([
      400,
      'Known in version "v1" cannot be handled as a Known: strict decoding error: unknown field "more", unknown field "spec.bar"',
    ]);
  });

  it('are refused with unknown metadata, of their own and of what they hold', async () => {
    const [status, message] = said(
      await apply(
        'nests',
        `  unknownMeta: unknown
${spec}
  template:
    apiVersion: foo/v1
    kind: Sub
    metadata:
      unknownSubMeta: unknown
      name: sub`,
      ),
    );
    expect(status).toBe(500);
    for (const field of ['.metadata.unknownMeta', '.spec.template.metadata.unknownSubMeta'])
      expect(message).toContain(`${field}: field not declared in schema`);
    const { object, path } = customOf(definitions.nests);
    const template = { apiVersion: 'foo/v1', kind: 'Sub', metadata: { name: 'sub', unknownSubMeta: 1 } };
    const two = object('two', { spec: { template } });
    const posted = await server.post(`${path}?${strict}`, { ...two, metadata: { ...two.metadata, unknownMeta: 1 } });
    expect(said(posted)).toEqual([
      400,
      'Nest in version "v1" cannot be handled as a Nest: strict decoding error: unknown field "metadata.unknownMeta", unknown field "spec.template.metadata.unknownSubMeta"',
    ]);
  });

  it('are refused with a field that stands twice, also where unknown ones are kept', async () => {
    const [status, message] = said(await apply('opens', `${spec}\n  unknown: uk1\n  foo: foo1\n  foo: foo2`));
    expect([status, message]).toEqual([
      400,
      'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 13: key "foo" already set in map',
    ]);
    const { path } = customOf(definitions.opens);
    const body =
      '{"apiVersion":"test.io/v1","kind":"Open","metadata":{"name":"two"},"spec":{"x":1,"foo":"a","foo":"b"}}';
    expect(said(await server.post(`${path}?${strict}`, body))).toEqual([
      400,
      'Open in version "v1" cannot be handled as a Open: strict decoding error: duplicate field "spec.foo"',
    ]);
  });
});

describe('built-in objects, asked to be strict', () => {
  const template = '{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"i"}]}}';
  const selector = '{"matchLabels":{"app":"a"}}';
  const deployment = (meta: string, more: string) =>
    `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"${meta}},"spec":{${more}"selector":${selector},"template":${template}}}`;

  it.each([
    [
      'fields that are unknown and fields that stand twice',
      deployment('', '"unknownField":"foo","replicas":2,"replicas":3,'),
      'unknown field "spec.unknownField", duplicate field "spec.replicas"',
    ],
    ['unknown metadata', deployment(',"unknownMeta":"foo"', ''), 'unknown field "metadata.unknownMeta"'],
  ])('are refused with %s', async (_, body, problems) => {
    const path = '/apis/apps/v1/namespaces/default/deployments';
    expect(said(await server.post(`${path}?${strict}`, body))).toEqual([
      400,
      `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${problems}`,
    ]);
    expect((await server.get(`${path}/d`)).status).toBe(404);
  });
});
