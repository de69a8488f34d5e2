import { type FieldSet, FieldSetBuilder } from '../field-set.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import { keyStep, valueStep } from './path.ts';
import type { FieldShape, Shape } from './shape.ts';

export type ListShape = Shape & { kind: 'list' | 'set' };

/** The step to an element of an associative list or a set. */
export const stepOf = (shape: ListShape, item: unknown): string =>
  shape.kind === 'set' ? valueStep(item) : keyStep(shape.keys, item);

const leaf: Shape = { kind: 'leaf' };

export const elementOf = (shape: ListShape): Shape => (shape.kind === 'set' ? leaf : shape.element);

/** The step and shape of an object's member. What a struct does not know is as deep as it is. */
export function memberOf(shape: Shape, name: string): FieldShape {
  if (shape.kind === 'struct') return shape.fields.get(name) ?? { step: `f:${name}`, shape: shape.others ?? leaf };
  return { step: `f:${name}`, shape: shape.kind === 'map' ? shape.element : shape };
}

/** Whether a value of the shape has members or elements with owners of their own. */
export const isObjectShape = (shape: Shape, value: unknown): value is JsonObject =>
  (shape.kind === 'struct' || shape.kind === 'map' || shape.kind === 'deduced') && isJsonObject(value);
export const isListShape = (shape: Shape): shape is ListShape => shape.kind === 'list' || shape.kind === 'set';

/**
 * The fields that a configuration sets: its leaves, elements of lists, keys of maps, and what it says is empty. Structs
 * are not owned themselves.
 */
export function fieldsOf(shape: Shape, value: unknown): FieldSet | undefined {
  const builder = new FieldSetBuilder();
  collect(builder, shape, value);
  return builder.set;
}

function collect(builder: FieldSetBuilder, shape: Shape, value: unknown): void {
  if (isObjectShape(shape, value)) {
    for (const name in value) if (value[name] !== undefined) collectMember(builder, shape, name, value[name]);
  } else if (isListShape(shape) && (Array.isArray(value) || value === null)) {
    collectItems(builder, shape, value ?? []);
  } else if (value !== null || shape.kind === 'leaf' || shape.kind === 'deduced') builder.add();
}

function collectMember(builder: FieldSetBuilder, shape: Shape, name: string, value: unknown): void {
  if (isOwnership(shape, name)) return;
  const member = memberOf(shape, name);
  builder.enter(member.step);
  collect(builder, member.shape, value);
  if (value === null || isEmptyObject(value) || shape.kind !== 'struct') builder.add();
  builder.leave();
}

/** `managedFields` is left out of the shape of metadata. */
const isOwnership = (shape: Shape, name: string): boolean =>
  name === 'managedFields' && shape.kind === 'struct' && !shape.fields.has(name);

const isEmptyObject = (value: unknown): boolean => isJsonObject(value) && Object.keys(value).length === 0;

/** Elements with the same keys have one path together, and none below. */
function collectItems(builder: FieldSetBuilder, shape: ListShape, list: unknown[]): void {
  const steps = list.map((item) => stepOf(shape, item));
  const count = new Map<string, number>();
  for (const step of steps) count.set(step, (count.get(step) ?? 0) + 1);
  steps.forEach((step, i) => {
    builder.enter(step);
    if (count.get(step) === 1) collect(builder, elementOf(shape), list[i]);
    builder.add();
    builder.leave();
  });
}

/** The set with every struct member in it that has something below: so that structs can be removed as a whole. */
export function withStructs(shape: Shape, set: FieldSet | undefined): FieldSet | undefined {
  if (!set) return undefined;
  const result: FieldSet = {};
  for (const step in set) {
    const below = set[step] as FieldSet;
    const inner = withStructs(shapeBelow(shape, step), below) as FieldSet;
    const named = shape.kind === 'struct' && shape.steps.has(step);
    result[step] = named && !inner['.'] && Object.keys(inner).length > 0 ? { '.': {}, ...inner } : inner;
  }
  return result;
}

/** A set as the schema is now: what became atomic since the set was stored is one path. */
export function atSchema(shape: Shape, set: FieldSet | undefined): FieldSet | undefined {
  if (!set || shape.kind === 'deduced') return set;
  let result: FieldSet = set;
  for (const step in set) {
    if (shape.kind === 'leaf') return {};
    if (step === '.') continue;
    const below = atSchema(shapeBelow(shape, step), set[step]) as FieldSet;
    if (below === set[step]) continue;
    if (result === set) result = { ...set };
    result[step] = below;
  }
  return result;
}

export function shapeBelow(shape: Shape, step: string): Shape {
  if (shape.kind === 'struct') return shape.steps.get(step) ?? shape.others ?? leaf;
  if (step.startsWith('f:')) return shape.kind === 'map' ? shape.element : shape;
  return isListShape(shape) ? elementOf(shape) : leaf;
}
