import type { FieldSchema } from '../../schema/table.ts';
import type { Schema } from '../../schema/schema.ts';

/** A member of a struct: its step in a field set, ready made, and its shape. */
export interface FieldShape {
  step: string;
  shape: Shape;
}

/**
 * How ownership sees values of a type: as one leaf (scalars, atomic lists, maps and structs), by member, or by
 * element. `deduced` is decided by the value itself: objects by member, everything else a leaf.
 */
export type Shape =
  | { kind: 'leaf' }
  | { kind: 'deduced' }
  | {
      kind: 'struct';
      fields: ReadonlyMap<string, FieldShape>;
      steps: ReadonlyMap<string, Shape>;
      /** Members that are not among the fields; absent: there are none. */
      others?: Shape;
    }
  | { kind: 'map'; element: Shape }
  | { kind: 'set' }
  | { kind: 'list'; keys: readonly ListKey[]; element: Shape };

/** A key of an associative list, and what stands for it where an element does not have it. */
export interface ListKey {
  name: string;
  absent: unknown;
}

const leaf: Shape = { kind: 'leaf' };
const deduced: Shape = { kind: 'deduced' };

/** What is stored about ownership is nobody's field. */
const ownership = 'io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry';

/** Shapes are compiled from a schema on first use and live as long as it does. */
const compilers = new WeakMap<Schema, Map<string, Shape>>();

/** The shape of a named type; a name that the schema does not have is deduced. */
export function shapeOf(schema: Schema, type: string): Shape {
  let known = compilers.get(schema);
  if (!known) {
    known = new Map();
    compilers.set(schema, known);
  }
  return compile({ schema, known }, type);
}

interface Compiler {
  schema: Schema;
  known: Map<string, Shape>;
}

function compile(compiler: Compiler, type: string): Shape {
  const { schema, known } = compiler;
  const made = known.get(type);
  if (made) return made;
  if (schema.kindOf(type) !== 'struct') {
    const shape = type.includes('.') && !schema.type(type) ? deduced : shapeOfField(compiler, { n: '', t: type });
    known.set(type, shape);
    return shape;
  }
  const shape = struct(compiler, type);
  return schema.type(schema.resolve(type))?.st === 'atomic' ? leaf : shape;
}

/** The members of a struct, also where the type is atomic elsewhere. Compiled when asked: types contain themselves. */
function struct(compiler: Compiler, type: string): Shape {
  const { schema, known } = compiler;
  const key = `struct ${type}`;
  const made = known.get(key);
  if (made) return made;
  const fields = new Map<string, FieldShape>();
  const steps = new Map<string, Shape>();
  const shape: Shape = { kind: 'struct', fields, steps };
  known.set(key, shape);
  for (const [name, field] of schema.fields(type)) {
    if (field.t === `[]${ownership}`) continue;
    const member = { step: `f:${name}`, shape: shapeOfField(compiler, field) };
    fields.set(name, member);
    steps.set(member.step, member.shape);
  }
  return shape;
}

/** The markers of a field win over those of its type. */
function shapeOfField(compiler: Compiler, field: FieldSchema): Shape {
  const { schema } = compiler;
  switch (schema.kindOf(field.t)) {
    case 'struct':
      if (field.st === 'atomic') return leaf;
      return field.st === 'granular' ? struct(compiler, field.t) : compile(compiler, field.t);
    case 'map':
      if (field.mt === 'atomic') return leaf;
      return { kind: 'map', element: compile(compiler, schema.element(field.t) ?? '') };
    case 'list':
      return list(compiler, field);
    default:
      return leaf;
  }
}

function list(compiler: Compiler, field: FieldSchema): Shape {
  if (field.lt === 'set') return { kind: 'set' };
  const element = compiler.schema.element(field.t) ?? '';
  if (field.lt !== 'map' || !field.lk) return leaf;
  const keys = [...field.lk]
    .sort()
    .map((name) => ({ name, absent: absentKey(compiler.schema.fieldOf(element, name)) }));
  return { kind: 'list', keys, element: compile(compiler, element) };
}

/** The declared default; a key that Go always writes has its zero. */
function absentKey(field: FieldSchema | undefined): unknown {
  if (!field || field.d !== undefined) return field?.d;
  if (field.om || field.oz || field.ptr) return undefined;
  return field.t === 'string' ? '' : field.t.startsWith('int') ? 0 : undefined;
}
