import { expect, it } from 'vitest';
import { goForm, goName } from './go-form.ts';

const schemaType = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

it('calls members by the names that they have in Go', () => {
  const names = ['apiGroup', 'id', '$ref', 'externalDocs', 'x-kubernetes-list-type', 'x-kubernetes-validations'];
  expect(names.map(goName)).toEqual(['APIGroup', 'ID', 'Ref', 'ExternalDocs', 'XListType', 'XValidations']);
});

it('shows a schema with all that it could say', () => {
  const shown = goForm(schemaType, { type: 'object', maximum: 3, additionalProperties: true }) as object;
  expect(Object.keys(shown).slice(0, 8)).toEqual([
    ...['ID', 'Schema', 'Ref', 'Description', 'Type', 'Nullable', 'Format', 'Title'],
  ]);
  expect(shown).toMatchObject({
    ...{ ID: '', Ref: null, Type: 'object', Nullable: false, Maximum: 3, Enum: null, Items: null, Properties: null },
    AdditionalProperties: { Allows: true, Schema: null },
  });
});

it('shows what is a schema or something else with a member for each', () => {
  const text = { Type: 'string' };
  const items = (given: unknown) => goForm('jsonschemaorarray', given);
  expect(items([])).toEqual({ Schema: null, JSONSchemas: [] });
  expect(items([{ type: 'string' }])).toMatchObject({ Schema: null, JSONSchemas: [text] });
  expect(items({ type: 'string' })).toMatchObject({ Schema: text, JSONSchemas: null });
  expect(goForm('jsonschemaorbool', false)).toEqual({ Allows: false, Schema: null });
  expect(goForm('jsonschemaorbool', { type: 'string' })).toMatchObject({ Allows: true, Schema: text });
  expect(goForm('jsonschemaorstringarray', ['a'])).toEqual({ Schema: null, Property: ['a'] });
});
