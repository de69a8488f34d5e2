import { toJson } from '../../../base/lossless-json.ts';
import type { KubeObject } from '../../resource.ts';
import type { Schema } from '../../schema/schema.ts';
import type { FieldSchema } from '../../schema/table.ts';
import { isJsonObject } from '../json.ts';
import { StatusError } from '../status-error.ts';
import { elementOf, isListShape, stepOf } from './members.ts';
import { pathText } from './path.ts';
import { type Shape, shapeOf } from './shape.ts';

/** Refuses a configuration that does not fit its type: unknown fields, wrong kinds of values, elements named twice. */
export function checkConfig(schema: Schema, type: string, config: KubeObject): void {
  if (!schema.type(type)) return;
  const misfits = new Misfits();
  checkStruct(misfits, schema, { type, value: config as unknown as Record<string, unknown>, path: [] });
  misfits.checkLists(shapeOf(schema, type), config, []);
  misfits.refuse(config);
}

function nameOf({ metadata, apiVersion = '', kind }: KubeObject): string {
  const groupVersion = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}; ${groupVersion}, Kind=${kind ?? ''}`;
}

/** Notes what of a value is not in a struct of the built-in types. */
export const checkStruct = (
  misfits: Misfits,
  schema: Schema,
  at: { type: string; value: Record<string, unknown>; path: string[] },
): void => new Check(schema, misfits).struct(at.type, at.value, at.path);

/** JSON kinds by scalar type; a type that is not here takes any value. */
const scalarKinds: Record<string, string> = {
  string: 'string',
  bytes: 'string',
  time: 'string',
  microtime: 'string',
  duration: 'string',
  boolean: 'boolean',
  int: 'number',
  int32: 'number',
  int64: 'number',
  float: 'number',
  double: 'number',
};
/** The JSON kind of a scalar; a bigint is a number, too. */
export const kindOf = (value: unknown): string => (typeof value === 'bigint' ? 'number' : typeof value);

const shown: Record<string, string> = { number: 'numeric (int or float)' };

class Check {
  readonly #schema: Schema;
  readonly #misfits: Misfits;

  constructor(schema: Schema, misfits: Misfits) {
    this.#schema = schema;
    this.#misfits = misfits;
  }

  struct(type: string, value: Record<string, unknown>, path: string[]): void {
    const fields = this.#schema.fields(type);
    for (const name of Object.keys(value)) {
      const at = [...path, `f:${name}`];
      const field: FieldSchema | undefined = fields.get(name);
      if (!field) this.#misfits.undeclared(at);
      else this.#value(field.t, value[name], at);
    }
  }

  #value(type: string, value: unknown, path: string[]): void {
    if (value === null || value === undefined) return;
    const kind = this.#schema.kindOf(type);
    if (kind === 'scalar') return this.#scalar(this.#schema.resolve(type), value, path);
    const element = this.#schema.element(type) ?? '';
    if (kind === 'list') {
      if (!Array.isArray(value)) return this.#misfits.expected('list', value, path);
      value.forEach((item, i) => this.#value(element, item, [...path, `i:${i}`]));
    } else if (!isJsonObject(value)) this.#misfits.expected('map', value, path);
    else if (kind === 'struct') this.struct(type, value, path);
    else for (const name of Object.keys(value)) this.#value(element, value[name], [...path, `f:${name}`]);
  }

  #scalar(type: string, value: unknown, path: string[]): void {
    const expected = scalarKinds[type];
    if (expected && kindOf(value) !== expected) this.#misfits.expected(shown[expected] ?? expected, value, path);
  }
}

/** What does not fit in a configuration, in the words of structured-merge-diff. */
export class Misfits {
  readonly #errors: string[] = [];

  undeclared(path: string[]): void {
    this.#error(path, 'field not declared in schema');
  }

  /** `kind`: `list`, `map`, `string`, … */
  expected(kind: string, value: unknown, path: string[]): void {
    this.#error(path, `expected ${kind}, got ${goSyntax(value)}`);
  }

  /** Throws when something was found. */
  refuse(config: KubeObject): void {
    const [first, ...rest] = this.#errors;
    if (first === undefined) return;
    const list = rest.length === 0 ? first : `errors:\n${this.#errors.map((e) => `  ${e}`).join('\n')}`;
    throw new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `failed to create typed patch object (${nameOf(config)}): ${list}`,
      code: 500,
    });
  }

  /** Associative lists: every element has its keys, no two have the same. */
  checkLists(shape: Shape, value: unknown, path: string[]): void {
    if (isListShape(shape)) {
      if (Array.isArray(value)) this.#items(shape, value, path);
    } else if (isJsonObject(value) && shape.kind === 'struct') {
      for (const [name, field] of shape.fields) {
        if (value[name] !== undefined) this.checkLists(field.shape, value[name], [...path, field.step]);
      }
    } else if (isJsonObject(value) && shape.kind === 'map') {
      for (const name of Object.keys(value)) this.checkLists(shape.element, value[name], [...path, `f:${name}`]);
    }
  }

  #items(shape: Shape & { kind: 'list' | 'set' }, list: unknown[], path: string[]): void {
    const seen = new Set<string>();
    list.forEach((item, i) => {
      const missing = shape.kind === 'list' ? missingKey(shape, item) : undefined;
      if (missing) this.#error(path, `element ${i}: ${missing}`);
      const step = stepOf(shape, item);
      if (seen.has(step)) this.#error(path, `duplicate entries for key ${pathText([step])}`);
      seen.add(step);
      this.checkLists(elementOf(shape), item, [...path, step]);
    });
  }

  #error(path: string[], text: string): void {
    this.#errors.push(`${pathText(path)}: ${text}`);
  }
}

/** An optional key without default may be absent as long as another one is there. */
function missingKey(shape: Shape & { kind: 'list' }, item: unknown): string | undefined {
  if (!isJsonObject(item)) return 'associative list with keys may not have non-map elements';
  const absent = shape.keys.filter((key) => item[key.name] === undefined && key.absent === undefined);
  if (absent.length < shape.keys.length) return undefined;
  return `associative list with keys has an element that omits key field "${absent[0]?.name}" (and doesn't have default value)`;
}

/** A value as Go's `%#v` prints it. */
function goSyntax(value: unknown): string {
  return `&value.valueUnstructured{Value:${goLiteral(value)}}`;
}

function goLiteral(value: unknown): string {
  if (value === null) return 'interface {}(nil)';
  if (Array.isArray(value)) return `[]interface {}{${value.map(goLiteral).join(', ')}}`;
  if (!isJsonObject(value)) return toJson(value);
  const members = Object.keys(value).sort();
  return `map[string]interface {}{${members.map((name) => `${JSON.stringify(name)}:${goLiteral(value[name])}`).join(', ')}}`;
}
