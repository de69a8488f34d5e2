import { forbidden, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { FieldError } from '../meta/status-error.ts';
import { goForm } from '../schema/go-form.ts';
import { itemsOf, type Structural } from '../structural/schema.ts';

/** x-kubernetes-list-type and x-kubernetes-list-map-keys: which lists are sets or have keys. */
export function validateListType(schema: Structural, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const errors: FieldError[] = [];
  if (listType !== undefined) {
    const must = 'must be array if x-kubernetes-list-type is specified';
    if (!schema.type) errors.push(required(`${path}.type`, must));
    else if (schema.type !== 'array') errors.push(invalidValue(`${path}.type`, schema.type, must));
    if (!['atomic', 'set', 'map'].includes(listType))
      errors.push(notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  }
  if (keys.length > 0 && listType !== 'map') {
    const must = 'must be map if x-kubernetes-list-map-keys is non-empty';
    const at = `${path}.x-kubernetes-list-type`;
    errors.push(listType ? invalidValue(at, listType, must) : required(at, must));
  }
  if (listType === 'set') errors.push(...validateSet(schema, path));
  if (listType === 'map') errors.push(...validateMap(schema, path, keys));
  return errors;
}

function validateSet(schema: Structural, path: string): FieldError[] {
  const items = itemsOf(schema);
  if (!items) return [];
  const atomic = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  if (items.nullable)
    return [forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is set')];
  const mapType = items['x-kubernetes-map-type'];
  if (items.type === 'object' && mapType !== 'atomic')
    return [invalidValue(`${path}.items.x-kubernetes-map-type`, mapType ?? null, atomic)];
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic')
    return [invalidValue(`${path}.items.x-kubernetes-list-type`, listType, atomic)];
  return [];
}

function validateMap(schema: Structural, path: string, keys: string[]): FieldError[] {
  const at = `${path}.x-kubernetes-list-map-keys`;
  const errors: FieldError[] = [];
  if (keys.length === 0) errors.push(required(at, 'must not be empty if x-kubernetes-list-type is map'));
  if (Array.isArray(schema.items)) {
    const single = 'must only have a single schema if x-kubernetes-list-type is map';
    return [...errors, invalidValue(`${path}.items`, goForm('jsonschemaorarray', schema.items), single)];
  }
  const items = itemsOf(schema);
  if (!items) return [...errors, required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map')];
  if (items.nullable)
    errors.push(forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is map'));
  if (items.type !== 'object') {
    const must = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalidValue(`${path}.items.type`, items.type ?? '', must)];
  }
  if (new Set(keys).size < keys.length) errors.push(invalidValue(at, keys, 'must not contain duplicate entries'));
  return [...errors, ...keys.flatMap((key) => validateKey(items, key, { path, at, keys }))];
}

const scalars = ['string', 'integer', 'number', 'boolean'];

function validateKey(
  items: Structural,
  key: string,
  { path, at, keys }: { path: string; at: string; keys: string[] },
): FieldError[] {
  const property = items.properties?.[key];
  if (!property) return [invalidValue(at, keys, 'entries must all be names of item properties')];
  const where = `${path}.items.properties[${key}]`;
  const errors: FieldError[] = [];
  if (!scalars.includes(property.type ?? '') && !property['x-kubernetes-int-or-string'])
    errors.push(
      invalidValue(
        `${where}.type`,
        items.type,
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      ),
    );
  const reason = 'this property is in x-kubernetes-list-map-keys, so it';
  if (property.nullable) errors.push(forbidden(`${where}.nullable`, `${reason} cannot be nullable`));
  if (property.default === undefined && !items.required?.includes(key))
    errors.push(required(`${where}.default`, `${reason} must have a default or be a required property`));
  return errors;
}
