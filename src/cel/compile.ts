import { type Expr, type Loop, Uint } from './ast.ts';
import { type Checked, typeNames } from './checker.ts';
import { CostError, EvaluationError, InstantiationError } from './errors.ts';
import type { Overload } from './signature.ts';
import { Duration, Timestamp } from './time.ts';
import { jsonOf } from './json.ts';
import type { ObjectType, Type } from './types.ts';
import { CelList, CelMap, isOpaque, type Key, Optional, sizeOf, Struct, TypeValue, type Value } from './values.ts';

/** What an evaluation has: its variables by place, and what it may still cost. */
export interface Frame {
  slots: (Value | undefined)[];
  cost: number;
  limit: number;
}

export type Run = (frame: Frame) => Value;

/** Makes a program of a checked expression: one closure for each of its parts. `names` are the variables in their places. */
export function compile(expression: Expr, checked: Checked, names: readonly string[]): { run: Run; slots: number } {
  const compiler = new Compiler(checked, names.length);
  const run = compiler.compile(expression, new Map(names.map((name, i) => [name, i])));
  return { run, slots: compiler.slots };
}

type Places = ReadonlyMap<string, number>;

/** Constants of these types are converted when the program is made. */
const converted = new Set(['bool', 'bytes', 'double', 'int', 'string', 'uint']);

function checkConversion({ name, args, target }: Expr & { op: 'call' }, overload: Overload): void {
  const [constant] = args;
  if (target || constant?.op !== 'literal' || !converted.has(name)) return;
  try {
    overload.run(constant.value);
  } catch (error) {
    if (error instanceof EvaluationError) throw new InstantiationError(error.message);
    throw error;
  }
}

function charge(frame: Frame, cost: number): void {
  frame.cost += cost;
  if (frame.cost > frame.limit) throw new CostError();
}

const listCost = 10;
const mapCost = 30;
const structCost = 40;
/** Of each element that goes through a loop, beside its body: condition and step. */
const stepCost = 3;

class Compiler {
  slots: number;
  readonly #checked: Checked;

  constructor(checked: Checked, slots: number) {
    this.#checked = checked;
    this.slots = slots;
  }

  compile(expr: Expr, places: Places): Run {
    switch (expr.op) {
      case 'literal': {
        const { value } = expr;
        return () => value;
      }
      case 'ident':
        return this.#ident(expr.name, places);
      case 'select':
      case 'has':
        return this.#select(expr, places);
      case 'call':
        return this.#call(expr, places);
      case 'list':
        return this.#list(expr.items, places);
      case 'map':
        return this.#map(expr.entries, places);
      case 'struct':
        return this.#struct(expr, places);
      case 'and':
        return logical(this.compile(expr.left, places), this.compile(expr.right, places), false);
      case 'or':
        return logical(this.compile(expr.left, places), this.compile(expr.right, places), true);
      case 'if': {
        const condition = this.compile(expr.condition, places);
        const then = this.compile(expr.yes, places);
        const otherwise = this.compile(expr.no, places);
        return (frame) => (truth(condition(frame)) ? then(frame) : otherwise(frame));
      }
      case 'loop':
        return this.#loop(expr.loop, places);
      case 'bind':
        return this.#bind(expr, places);
      case 'optMap':
        return this.#optMap(expr, places);
    }
  }

  /** A place for one more variable. */
  #place(places: Places, name: string): { slot: number; inner: Places } {
    const slot = this.slots++;
    return { slot, inner: new Map([...places, [name, slot]]) };
  }

  #ident(name: string, places: Places): Run {
    const slot = places.get(name);
    if (slot === undefined) {
      const value = new TypeValue(name);
      if (!typeNames.has(name)) throw new Error(`no variable ${name}`);
      return () => value;
    }
    return (frame) => {
      charge(frame, 1);
      const value = frame.slots[slot];
      if (value === undefined) throw new EvaluationError(`no such attribute(s): ${name}`);
      return value;
    };
  }

  #select(expr: Expr & { op: 'select' | 'has' }, places: Places): Run {
    const object = this.compile(expr.object, places);
    const { field, optional } = expr;
    if (expr.op === 'has') {
      return (frame) => {
        charge(frame, 1);
        const value = object(frame);
        const inner = value instanceof Optional ? value.value : value;
        return inner !== undefined && member(inner, field) !== undefined;
      };
    }
    return (frame) => {
      charge(frame, 1);
      const value = object(frame);
      if (value instanceof Optional)
        return value.value === undefined ? value : new Optional(member(value.value, field));
      const found = member(value, field);
      if (optional) return new Optional(found);
      if (found === undefined) throw new EvaluationError(`no such key: ${field}`);
      return found;
    };
  }

  #call(expr: Expr & { op: 'call' }, places: Places): Run {
    const isGlobal = this.#checked.globals.has(expr);
    const parts = [...(expr.target && !isGlobal ? [expr.target] : []), ...expr.args];
    const args = parts.map((part) => this.compile(part, places));
    const overloads = this.#checked.calls.get(expr) ?? [];
    const [only] = overloads;
    if (overloads.length === 1 && only) {
      checkConversion(expr, only);
      return (frame) => {
        const values = args.map((arg) => arg(frame));
        if (!fitsAll(values, only)) throw noOverload();
        return invoke(frame, only, values);
      };
    }
    return (frame) => {
      const values = args.map((arg) => arg(frame));
      const overload = overloads.find((one) => fitsAll(values, one));
      if (!overload) throw noOverload();
      return invoke(frame, overload, values);
    };
  }

  #list(items: { value: Expr; optional: boolean }[], places: Places): Run {
    const parts = items.map(({ value, optional }) => ({ run: this.compile(value, places), optional }));
    return (frame) => {
      charge(frame, listCost);
      const values: Value[] = [];
      for (const { run, optional } of parts) {
        const value = run(frame);
        if (!optional || !(value instanceof Optional)) values.push(value);
        else if (value.value !== undefined) values.push(value.value);
      }
      return CelList.of(values);
    };
  }

  #map(entries: { key: Expr; value: Expr; optional: boolean }[], places: Places): Run {
    const parts = entries.map(({ key, value, optional }) => ({
      key: this.compile(key, places),
      value: this.compile(value, places),
      optional,
    }));
    return (frame) => {
      charge(frame, mapCost);
      const made: [Key, Value][] = [];
      for (const { key, value, optional } of parts) {
        const name = key(frame) as Key;
        const content = value(frame);
        if (!optional || !(content instanceof Optional)) made.push([name, content]);
        else if (content.value !== undefined) made.push([name, content.value]);
      }
      const map = CelMap.of(made);
      if (map.size < made.length) throw new EvaluationError('Failed with repeated key');
      return map;
    };
  }

  /** Its values are JSON from then on: what is made is to be sent somewhere. */
  #struct(expr: Expr & { op: 'struct' }, places: Places): Run {
    const type = this.#checked.types.get(expr) as ObjectType;
    const parts = expr.fields.map(({ field, value, optional }) => ({
      member: type.field(field)?.member ?? field,
      run: this.compile(value, places),
      optional,
    }));
    return (frame) => {
      charge(frame, structCost);
      const json: Record<string, unknown> = {};
      for (const { member: name, run, optional } of parts) {
        const value = run(frame);
        const content = optional && value instanceof Optional ? value.value : value;
        if (content !== undefined) json[name] = jsonOf(content);
      }
      return new Struct(type, json);
    };
  }

  #bind(expr: Expr & { op: 'bind' }, places: Places): Run {
    const value = this.compile(expr.value, places);
    const { slot, inner } = this.#place(places, expr.name);
    const body = this.compile(expr.body, inner);
    return (frame) => {
      frame.slots[slot] = value(frame);
      return body(frame);
    };
  }

  #optMap(expr: Expr & { op: 'optMap' }, places: Places): Run {
    const value = this.compile(expr.value, places);
    const { slot, inner } = this.#place(places, expr.name);
    const body = this.compile(expr.body, inner);
    return (frame) => {
      const optional = value(frame);
      if (!(optional instanceof Optional)) throw noOverload();
      if (optional.value === undefined) return optional;
      frame.slots[slot] = optional.value;
      const result = body(frame);
      return expr.flat ? result : new Optional(result);
    };
  }

  #loop(loop: Loop, places: Places): Run {
    const range = this.compile(loop.range, places);
    const first = this.#place(places, loop.first);
    const second = loop.second === undefined ? undefined : this.#place(first.inner, loop.second);
    const inner = second?.inner ?? first.inner;
    const condition = loop.condition && this.compile(loop.condition, inner);
    const body = this.compile(loop.body, inner);
    const step: Step = (frame, key, value) => {
      charge(frame, stepCost);
      frame.slots[first.slot] = second || value === undefined ? key : value;
      if (second) frame.slots[second.slot] = value;
      return condition === undefined || truth(condition(frame));
    };
    return collect(loop.kind, range, { step, body, hasKeys: second !== undefined });
  }
}

/** Puts an element into its variables; false where it is passed over. */
type Step = (frame: Frame, key: Value, value: Value | undefined) => boolean;

const noOverload = (): EvaluationError => new EvaluationError('no such overload');

function truth(value: Value): boolean {
  if (typeof value !== 'boolean') throw noOverload();
  return value;
}

function member(object: Value, field: string): Value | undefined {
  if (object instanceof Struct) return object.get(field);
  if (object instanceof CelMap) return object.get(field);
  throw new EvaluationError(object === null ? `no such key: ${field}` : 'no such overload');
}

/** One side may fail where the other decides. */
function logical(left: Run, right: Run, decisive: boolean): Run {
  return (frame) => {
    let failure: unknown;
    try {
      if (truth(left(frame)) === decisive) return decisive;
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      failure = error;
    }
    if (truth(right(frame)) === decisive) return decisive;
    if (failure) throw failure;
    return !decisive;
  };
}

function invoke(frame: Frame, overload: Overload, values: Value[]): Value {
  charge(frame, 1 + (overload.work ? overload.work(...values.map(sizeOf)) : 0));
  return overload.run(...values);
}

const fitsAll = (values: readonly Value[], { params }: Overload): boolean =>
  params.every((param, i) => fits(values[i] as Value, param));

/** Whether a value is of a type, as far as that decides between functions. */
function fits(value: Value, type: Type): boolean {
  switch (type.kind) {
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'uint':
      return value instanceof Uint;
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
    case 'bytes':
      return value instanceof Uint8Array;
    case 'timestamp':
      return value instanceof Timestamp;
    case 'duration':
      return value instanceof Duration;
    case 'list':
      return value instanceof CelList;
    case 'map':
      return value instanceof CelMap || value instanceof Struct;
    case 'optional':
      return value instanceof Optional;
    case 'opaque':
      return isOpaque(value) && value.celType === type.name;
    case 'type':
      return value instanceof TypeValue;
    default:
      return true;
  }
}

/** The elements of a range with their keys or positions. */
function pairs(range: Value, hasKeys: boolean): [Value, Value | undefined][] {
  if (range instanceof CelList) return range.values().map((value, i) => [BigInt(i), value]);
  if (range instanceof CelMap) return range.keys().map((key) => [key, hasKeys ? range.get(key) : undefined]);
  if (range instanceof Struct) return Object.keys(range.json).map((key) => [key, hasKeys ? range.get(key) : undefined]);
  throw noOverload();
}

function collect(kind: Loop['kind'], range: Run, parts: { step: Step; body: Run; hasKeys: boolean }): Run {
  const { step, body, hasKeys } = parts;
  switch (kind) {
    case 'all':
      return quantifier(range, parts, false);
    case 'exists':
      return quantifier(range, parts, true);
    case 'exists_one':
      return (frame) => {
        const isIt = ([key, value]: [Value, Value | undefined]) => step(frame, key, value) && truth(body(frame));
        return pairs(range(frame), hasKeys).filter(isIt).length === 1;
      };
    case 'filter':
      return (frame) => {
        const kept = pairs(range(frame), hasKeys).filter(([k, v]) => step(frame, k, v) && truth(body(frame)));
        return CelList.of(kept.map(([key, value]) => value ?? key));
      };
    case 'transformMap':
      return (frame) => {
        const made = pairs(range(frame), hasKeys).flatMap(([k, v]): [Key, Value][] =>
          step(frame, k, v) ? [[k as Key, body(frame)]] : [],
        );
        return CelMap.of(made);
      };
    case 'transformMapEntry':
      return (frame) => {
        const made = pairs(range(frame), hasKeys).flatMap(([k, v]): [Key, Value][] => {
          if (!step(frame, k, v)) return [];
          const entry = body(frame);
          return entry instanceof CelMap ? entry.keys().map((key) => [key, entry.get(key) as Value]) : [];
        });
        return CelMap.of(made);
      };
    default:
      return (frame) =>
        CelList.of(pairs(range(frame), hasKeys).flatMap(([k, v]) => (step(frame, k, v) ? [body(frame)] : [])));
  }
}

/** all and exists: an element that fails matters only when no other decides. */
function quantifier(
  range: Run,
  { step, body, hasKeys }: { step: Step; body: Run; hasKeys: boolean },
  decisive: boolean,
): Run {
  return (frame) => {
    let failure: unknown;
    for (const [key, value] of pairs(range(frame), hasKeys)) {
      try {
        if (step(frame, key, value) && truth(body(frame)) === decisive) return decisive;
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        failure ??= error;
      }
    }
    if (failure) throw failure;
    return !decisive;
  };
}
