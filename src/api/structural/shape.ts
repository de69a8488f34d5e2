import { type FieldShape, type ListKey, type Shape, shapeOf } from '../meta/fields/shape.ts';
import { schema as builtIn } from '../schema/schema.ts';
import { isEmbedded, isMap, isPreserving, itemsOf, type Structural, valuesOf } from './schema.ts';

const leaf: Shape = { kind: 'leaf' };
const deduced: Shape = { kind: 'deduced' };
const metadata = (): Shape => shapeOf(builtIn, 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

/** How ownership sees a custom resource. */
export const resourceShape = (schema: Structural): Shape => struct(schema, true);

function shapeOfSchema(schema: Structural): Shape {
  if (schema.type === 'array') return list(schema);
  if (schema.type !== 'object') return isPreserving(schema) ? deduced : leaf;
  if (schema['x-kubernetes-map-type'] === 'atomic') return leaf;
  if (schema.properties || isEmbedded(schema)) return struct(schema, isEmbedded(schema));
  if (isMap(schema)) {
    const values = valuesOf(schema);
    return { kind: 'map', element: values ? shapeOfSchema(values) : deduced };
  }
  return isPreserving(schema) ? { kind: 'map', element: deduced } : struct(schema, false);
}

function struct(schema: Structural, isResource: boolean): Shape {
  const fields = new Map<string, FieldShape>();
  const steps = new Map<string, Shape>();
  const add = (name: string, shape: Shape) => {
    const member = { step: `f:${name}`, shape };
    fields.set(name, member);
    steps.set(member.step, shape);
  };
  for (const [name, property] of Object.entries(schema.properties ?? {})) add(name, shapeOfSchema(property));
  if (isResource) {
    add('apiVersion', leaf);
    add('kind', leaf);
    add('metadata', metadata());
  }
  return { kind: 'struct', fields, steps, ...(isPreserving(schema) ? { others: deduced } : {}) };
}

function list(schema: Structural): Shape {
  const items = itemsOf(schema);
  if (schema['x-kubernetes-list-type'] === 'set') return { kind: 'set' };
  if (schema['x-kubernetes-list-type'] !== 'map' || !items) return leaf;
  const keys: ListKey[] = [...(schema['x-kubernetes-list-map-keys'] ?? [])]
    .sort()
    .map((name) => ({ name, absent: items.properties?.[name]?.default }));
  return { kind: 'list', keys, element: shapeOfSchema(items) };
}
