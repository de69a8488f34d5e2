import { checkStruct, kindOf, Misfits } from '../meta/fields/validate.ts';
import type { Shape } from '../meta/fields/shape.ts';
import { isJsonObject } from '../meta/json.ts';
import type { KubeObject } from '../resource.ts';
import { schema as builtIn } from '../schema/schema.ts';
import { isEmbedded, isMap, isPreserving, itemsOf, resourceMembers, type Structural, valuesOf } from './schema.ts';

/** Refuses an applied configuration that does not fit its schema. */
export function checkCustomConfig(schema: Structural, shape: Shape, config: KubeObject): void {
  const misfits = new Misfits();
  members(misfits, { schema, isResource: true }, config as unknown as Record<string, unknown>, []);
  misfits.checkLists(shape, config, []);
  misfits.refuse(config);
}

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

/** JSON kinds by the schema's types, and how messages call them. */
const scalars: Record<string, [type: string, shown: string]> = {
  string: ['string', 'string'],
  boolean: ['boolean', 'boolean'],
  integer: ['number', 'numeric (int or float)'],
  number: ['number', 'numeric (int or float)'],
};

function check(misfits: Misfits, schema: Structural, value: unknown, path: string[]): void {
  if (value === null || value === undefined) return;
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return misfits.expected('list', value, path);
    const items = itemsOf(schema);
    if (items) value.forEach((item, i) => check(misfits, items, item, [...path, `i:${i}`]));
  } else if (schema.type === 'object') {
    if (!isJsonObject(value)) return misfits.expected('map', value, path);
    members(misfits, { schema, isResource: isEmbedded(schema) }, value, path);
  } else {
    const [type, shown] = scalars[schema.type ?? ''] ?? [];
    if (type && kindOf(value) !== type) misfits.expected(shown as string, value, path);
  }
}

function members(
  misfits: Misfits,
  { schema, isResource }: { schema: Structural; isResource: boolean },
  value: Record<string, unknown>,
  path: string[],
): void {
  const { properties = {} } = schema;
  for (const name of Object.keys(value)) {
    const at = [...path, `f:${name}`];
    const property = Object.hasOwn(properties, name) ? properties[name] : valuesOf(schema);
    if (isResource && resourceMembers.has(name)) checkMeta(misfits, name, { value: value[name], path: at });
    else if (property) check(misfits, property, value[name], at);
    else if (!isPreserving(schema) && !isMap(schema)) misfits.undeclared(at);
  }
}

/** The metadata of a resource are the same whatever the schema says. */
function checkMeta(misfits: Misfits, name: string, { value, path }: { value: unknown; path: string[] }): void {
  if (name !== 'metadata' || value === null || value === undefined) return;
  if (isJsonObject(value)) checkStruct(misfits, builtIn, { type: objectMeta, value, path });
  else misfits.expected('map', value, path);
}
