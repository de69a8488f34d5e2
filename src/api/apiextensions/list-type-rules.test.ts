import { expect, it } from 'vitest';
import type { JSONSchemaProps } from '../generated/types.ts';
import { validateOpenApi } from './openapi-rules.ts';

/** What is wrong with the elements of a list with keys. */
function refusals(items: JSONSchemaProps['items']): string[] {
  const keyed = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['a'] };
  return validateOpenApi({ type: 'array', ...keyed, items } as JSONSchemaProps, 'p').map(
    ({ type, field, message }) => `${type} ${field}: ${message.replace(/(?<=JSONSchemas":\[)\{.*\}(?=\])/, '…')}`,
  );
}

it('wants one schema for all elements of a list with keys', () => {
  const single = 'must only have a single schema if x-kubernetes-list-type is map';
  expect(refusals({ type: 'object', properties: { a: { type: 'string' } }, required: ['a'] })).toEqual([]);
  expect(refusals(undefined)).toEqual([
    'FieldValueRequired p.items: Required value: must be specified',
    'FieldValueRequired p.items: Required value: must have a schema if x-kubernetes-list-type is map',
  ]);
  // An empty list of schemas is no schema, and not none either.
  expect(refusals([])).toEqual([
    'FieldValueRequired p.items: Required value: must be specified',
    `FieldValueInvalid p.items: Invalid value: {"Schema":null,"JSONSchemas":[]}: ${single}`,
  ]);
  expect(refusals([{ type: 'object' }])).toEqual([
    'FieldValueForbidden p.items: Forbidden: items must be a schema object and not an array',
    `FieldValueInvalid p.items: Invalid value: {"Schema":null,"JSONSchemas":[…]}: ${single}`,
  ]);
});
