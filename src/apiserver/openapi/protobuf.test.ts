import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { createOpenApi } from './openapi.ts';

/** The part of gnostic's messages that is read here. */
const message = (fields: Record<string, [number, string] | [number, string, 'repeated']>) => ({
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [id, type, rule]]) => [name, { id, type, ...(rule ? { rule } : {}) }]),
  ),
});
const root = protobuf.Root.fromJSON({
  nested: {
    Document: message({
      swagger: [1, 'string'],
      info: [2, 'Info'],
      paths: [8, 'Paths'],
      definitions: [9, 'Definitions'],
    }),
    Info: message({ title: [1, 'string'], version: [2, 'string'] }),
    Paths: message({ path: [2, 'NamedPathItem', 'repeated'] }),
    NamedPathItem: message({ name: [1, 'string'], value: [2, 'PathItem'] }),
    PathItem: message({ patch: [8, 'Operation'], parameters: [9, 'ParametersItem', 'repeated'] }),
    Operation: message({ parameters: [8, 'ParametersItem', 'repeated'], extension: [13, 'NamedAny', 'repeated'] }),
    ParametersItem: message({ parameter: [1, 'Parameter'] }),
    Parameter: message({ body: [1, 'Body'], other: [2, 'NonBody'] }),
    Body: message({ name: [2, 'string'], schema: [5, 'Schema'] }),
    NonBody: message({ query: [3, 'Common'], path: [4, 'Common'] }),
    Common: message({ required: [1, 'bool'], in: [2, 'string'], name: [4, 'string'] }),
    Definitions: message({ definition: [1, 'NamedSchema', 'repeated'] }),
    NamedSchema: message({ name: [1, 'string'], value: [2, 'Schema'] }),
    Schema: message({
      ref: [1, 'string'],
      format: [2, 'string'],
      additional: [21, 'Additional'],
      type: [22, 'Types'],
      items: [23, 'Items'],
      properties: [25, 'Properties'],
      extension: [31, 'NamedAny', 'repeated'],
    }),
    Additional: message({ schema: [1, 'Schema'] }),
    Types: message({ value: [1, 'string', 'repeated'] }),
    Items: message({ schema: [1, 'Schema', 'repeated'] }),
    Properties: message({ property: [1, 'NamedSchema', 'repeated'] }),
    NamedAny: message({ name: [1, 'string'], value: [2, 'Any'] }),
    Any: message({ yaml: [2, 'string'] }),
  },
});

const openApi = createOpenApi();
const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const answer = await openApi({ path: '/openapi/v2', accept });
const Document = root.lookupType('Document');
// A decoded message is plain data; a test says what it expects of it.
const document: any = Document.toObject(Document.decode(answer?.body ?? Buffer.alloc(0)));
const json = JSON.parse((await openApi({ path: '/openapi/v2' }))?.body.toString() ?? '{}');
const named = (list: { name: string; value: any }[], name: string) => list.find((entry) => entry.name === name)?.value;

describe('OpenAPI 2 as protobuf', () => {
  it('has the paths and schemas of the JSON document', () => {
    expect(document).toMatchObject({ swagger: '2.0', info: json.info });
    expect(document.paths.path.map((entry: any) => entry.name)).toEqual(Object.keys(json.paths));
    expect(document.definitions.definition.map((entry: any) => entry.name)).toEqual(Object.keys(json.definitions));
  });

  it('says which parameters a kind takes', () => {
    const { patch, parameters } = named(document.paths.path, '/api/v1/namespaces/{namespace}/configmaps/{name}');
    const gvk = patch.extension.find((entry: any) => entry.name === 'x-kubernetes-group-version-kind');
    expect(JSON.parse(gvk.value.yaml)).toEqual({ group: '', version: 'v1', kind: 'ConfigMap' });
    const query = patch.parameters.map(({ parameter }: any) => parameter.other?.query?.name ?? parameter.body.name);
    expect(query).toEqual(expect.arrayContaining(['body', 'fieldManager', 'fieldValidation']));
    expect(parameters[0].parameter.other.path).toMatchObject({ required: true, in: 'path', name: 'name' });
  });

  it('says which fields a kind has', () => {
    const { properties } = named(document.definitions.definition, 'io.k8s.api.core.v1.ConfigMap');
    expect(named(properties.property, 'data')).toEqual({
      type: { value: ['object'] },
      additional: { schema: { type: { value: ['string'] } } },
    });
    const spec = named(document.definitions.definition, 'io.k8s.api.core.v1.PodSpec');
    const containers = named(spec.properties.property, 'containers');
    expect(containers.items.schema).toEqual([{ ref: '#/definitions/io.k8s.api.core.v1.Container' }]);
    expect(containers.extension).toContainEqual({ name: 'x-kubernetes-patch-merge-key', value: { yaml: '"name"' } });
  });
});
