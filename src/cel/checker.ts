import { type Expr, type Loop, Uint } from './ast.ts';
import { CompileError, type Issue } from './errors.ts';
import type { Overload } from './signature.ts';
import * as t from './types.ts';
import { assignable, type Bindings, type Constructible, join, substitute, type Type, typeName } from './types.ts';

/** Functions by name and number of arguments, the target counted. */
export type Functions = ReadonlyMap<string, readonly Overload[]>;

/** Types that expressions can make values of, by their names. */
export type Structs = (name: string) => Constructible | undefined;

/** What an expression comes to before it runs. */
export interface Checked {
  type: Type;
  types: ReadonlyMap<Expr, Type>;
  /** For each call the ways that are possible; which of them is decided by the values where there are several. */
  calls: ReadonlyMap<Expr, readonly Overload[]>;
  /** Calls whose target is no value but a namespace: `math.greatest(…)`. */
  globals: ReadonlySet<Expr>;
}

/** Types of every part of an expression. Throws `CompileError` with everything that is wrong. */
export function check(
  text: string,
  expression: Expr,
  env: { functions: Functions; structs: Structs; variables: ReadonlyMap<string, Type> },
): Checked {
  const checker = new Checker(env.functions, env.structs);
  const type = checker.check(expression, { variables: env.variables, outer: undefined });
  if (checker.issues.length > 0) throw new CompileError(text, checker.issues);
  const { types, calls, globals } = checker;
  return { type, types, calls, globals };
}

/** Names in reach, innermost first. */
interface Scope {
  variables: ReadonlyMap<string, Type>;
  outer: Scope | undefined;
}

function lookUp(scope: Scope, name: string): Type | undefined {
  for (let at: Scope | undefined = scope; at; at = at.outer) {
    const type = at.variables.get(name);
    if (type) return type;
  }
  return undefined;
}

const within = (outer: Scope, variables: [string, Type][]): Scope => ({ variables: new Map(variables), outer });

/** Names of types, as values: `type(x) == int`. */
export const typeNames = new Set([
  'int',
  'uint',
  'double',
  'bool',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
  'optional_type',
]);

export const functionKey = (name: string, args: number, member: boolean): string =>
  `${member ? '.' : ''}${name}/${args}`;

class Checker {
  readonly issues: Issue[] = [];
  readonly types = new Map<Expr, Type>();
  readonly calls = new Map<Expr, readonly Overload[]>();
  readonly globals = new Set<Expr>();
  readonly #functions: Functions;
  readonly #structs: Structs;
  /** In the arguments of `format`, lists may mix types. */
  #mixes = false;

  constructor(functions: Functions, structs: Structs) {
    this.#functions = functions;
    this.#structs = structs;
  }

  check(expr: Expr, scope: Scope): Type {
    const type = this.#typeOf(expr, scope);
    this.types.set(expr, type);
    return type;
  }

  #issue(at: number, message: string): Type {
    this.issues.push({ at, message });
    return t.dyn;
  }

  #typeOf(expr: Expr, scope: Scope): Type {
    switch (expr.op) {
      case 'literal':
        return literalType(expr.value);
      case 'ident':
        return this.#ident(expr, scope);
      case 'select':
      case 'has':
        return this.#select(expr, scope);
      case 'call':
        return this.#call(expr, scope);
      case 'list':
        return this.#list(expr, scope);
      case 'map':
        return this.#map(expr, scope);
      case 'struct':
        return this.#struct(expr, scope);
      case 'and':
      case 'or':
        return this.#logical(expr, scope);
      case 'if':
        return this.#if(expr, scope);
      case 'loop':
        return this.#loop(expr.loop, scope);
      case 'bind': {
        const value = this.check(expr.value, scope);
        return this.check(expr.body, within(scope, [[expr.name, value]]));
      }
      default:
        return this.#optMap(expr, scope);
    }
  }

  #ident({ name, at }: Expr & { op: 'ident' }, scope: Scope): Type {
    const type = lookUp(scope, name);
    if (type) return type;
    if (typeNames.has(name)) return t.typeType;
    return this.#issue(at, `undeclared reference to '${name}' (in container '')`);
  }

  #select(expr: Expr & { op: 'select' | 'has' }, scope: Scope): Type {
    const object = this.check(expr.object, scope);
    const inner = object.kind === 'optional' ? object.of : object;
    const field = this.#fieldType(inner, expr);
    if (expr.op === 'has') return t.bool;
    return expr.optional || object.kind === 'optional' ? t.optional(field) : field;
  }

  #fieldType(type: Type, { field, at }: { field: string; at: number }): Type {
    switch (type.kind) {
      case 'dyn':
      case 'param':
        return t.dyn;
      case 'map':
        return type.value;
      case 'object':
        return type.field(field)?.type ?? this.#issue(at, `undefined field '${field}'`);
      default:
        return this.#issue(at, `type '${typeName(type)}' does not support field selection`);
    }
  }

  #call(expr: Expr & { op: 'call' }, scope: Scope): Type {
    const { name, target, args, at } = expr;
    const space = target?.op === 'ident' && !lookUp(scope, target.name) ? `${target.name}.${name}` : undefined;
    const spaced = space ? this.#functions.get(functionKey(space, args.length, false)) : undefined;
    if (spaced && space) {
      this.globals.add(expr);
      return this.#resolve(expr, { name: space, known: spaced, given: args.map((arg) => this.check(arg, scope)) });
    }
    const outer = this.#mixes;
    this.#mixes = name === 'format';
    const given = [...(target ? [target] : []), ...args].map((arg) => this.check(arg, scope));
    this.#mixes = outer;
    const known = this.#functions.get(functionKey(name, given.length, target !== undefined));
    if (known) return this.#resolve(expr, { name, known, given });
    const isKnown = [...this.#functions.values()].some((overloads) =>
      overloads.some((o) => o.name === name && o.member === (target !== undefined)),
    );
    if (isKnown) return this.#noOverload(at, name, { given, member: target !== undefined });
    return this.#issue(at, `undeclared reference to '${name}' (in container '')`);
  }

  #resolve(expr: Expr, { name, known, given }: { name: string; known: readonly Overload[]; given: Type[] }): Type {
    let result: Type | undefined;
    const possible = known.filter((overload) => {
      const bindings: Bindings = new Map();
      if (!overload.params.every((wanted, i) => assignable(given[i] as Type, wanted, bindings))) return false;
      const type = substitute(overload.result, bindings);
      result = result ? join(result, type) : type;
      return true;
    });
    if (!result) return this.#noOverload(expr.at, name, { given, member: known[0]?.member === true });
    this.calls.set(expr, possible);
    return result;
  }

  #noOverload(at: number, name: string, { given, member }: { given: Type[]; member: boolean }): Type {
    const [target, ...args] = given;
    const list = (types: Type[]) => types.map(typeName).join(', ');
    const shown = member && target ? `${typeName(target)}.(${list(args)})` : `(${list(given)})`;
    return this.#issue(at, `found no matching overload for '${name}' applied to '${shown}'`);
  }

  /** The type of elements that must be of one type. */
  #same(before: Type | undefined, type: Type, at: number): Type {
    if (!before) return type;
    if (assignable(type, before, new Map())) return before.kind === 'null' ? type : before;
    if (assignable(before, type, new Map())) return type;
    if (this.#mixes) return t.dyn;
    this.#issue(at, `expected type '${typeName(before)}' but found '${typeName(type)}'`);
    return before;
  }

  #list({ items }: Expr & { op: 'list' }, scope: Scope): Type {
    let element: Type | undefined;
    for (const { value, optional } of items) {
      const type = this.check(value, scope);
      element = this.#same(element, optional && type.kind === 'optional' ? type.of : type, value.at);
    }
    return { kind: 'list', element: element ?? t.param('A'), max: items.length };
  }

  #map({ entries }: Expr & { op: 'map' }, scope: Scope): Type {
    let key: Type | undefined;
    let value: Type | undefined;
    for (const entry of entries) {
      key = this.#same(key, this.check(entry.key, scope), entry.key.at);
      const type = this.check(entry.value, scope);
      value = this.#same(value, entry.optional && type.kind === 'optional' ? type.of : type, entry.value.at);
    }
    return { kind: 'map', key: key ?? t.param('A'), value: value ?? t.param('B'), max: entries.length };
  }

  #struct({ name, at, fields }: Expr & { op: 'struct' }, scope: Scope): Type {
    const known = this.#structs(name);
    if (!known) return this.#issue(at, `undeclared reference to '${name}' (in container '')`);
    for (const { field, value, optional } of fields) {
      const given = this.check(value, scope);
      const type = optional && given.kind === 'optional' ? given.of : given;
      const wanted = known.type.field(field)?.type;
      if (!wanted) this.#issue(value.at, `undefined field '${field}'`);
      else if (!assignable(type, wanted, new Map()))
        this.#issue(
          value.at,
          `expected type of field '${field}' is '${typeName(wanted)}' but provided type is '${typeName(type)}'`,
        );
      const why = known.refuses?.(field, type);
      if (why) this.#issue(value.at, why);
    }
    return known.type;
  }

  #logical(expr: Expr & { op: 'and' | 'or' }, scope: Scope): Type {
    const given = [this.check(expr.left, scope), this.check(expr.right, scope)];
    if (given.every((type) => assignable(type, t.bool, new Map()))) return t.bool;
    return this.#noOverload(expr.at, expr.op === 'and' ? '_&&_' : '_||_', { given, member: false });
  }

  #if(expr: Expr & { op: 'if' }, scope: Scope): Type {
    const condition = this.check(expr.condition, scope);
    const then = this.check(expr.yes, scope);
    const otherwise = this.check(expr.no, scope);
    const fits =
      assignable(condition, t.bool, new Map()) &&
      (assignable(then, otherwise, new Map()) || assignable(otherwise, then, new Map()));
    if (fits) return join(then, otherwise);
    return this.#noOverload(expr.at, '_?_:_', { given: [condition, then, otherwise], member: false });
  }

  #loop(loop: Loop, scope: Scope): Type {
    const range = this.check(loop.range, scope);
    const [key, value] = this.#rangeTypes(range, loop.range.at);
    const variables: [string, Type][] = loop.second
      ? [
          [loop.first, key],
          [loop.second, value],
        ]
      : [[loop.first, range.kind === 'list' ? value : key]];
    const inner = within(scope, variables);
    if (loop.condition) this.#mustBe(t.bool, loop.condition, inner);
    const max = 'max' in range && range.max !== undefined ? { max: range.max } : {};
    switch (loop.kind) {
      case 'map':
      case 'transformList':
        return { kind: 'list', element: this.check(loop.body, inner), ...max };
      case 'filter':
        this.#mustBe(t.bool, loop.body, inner);
        return { kind: 'list', element: range.kind === 'list' ? value : key, ...max };
      case 'transformMap':
        return { kind: 'map', key, value: this.check(loop.body, inner), ...max };
      case 'transformMapEntry':
        return this.check(loop.body, inner);
      default:
        this.#mustBe(t.bool, loop.body, inner);
        return t.bool;
    }
  }

  #mustBe(wanted: Type, expr: Expr, scope: Scope): void {
    const type = this.check(expr, scope);
    if (!assignable(type, wanted, new Map()))
      this.#issue(expr.at, `expected type '${typeName(wanted)}' but found '${typeName(type)}'`);
  }

  #rangeTypes(range: Type, at: number): [key: Type, value: Type] {
    if (range.kind === 'list') return [t.int, range.element];
    if (range.kind === 'map') return [range.key, range.value];
    if (range.kind !== 'dyn')
      this.#issue(
        at,
        `expression of type '${typeName(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      );
    return [t.dyn, t.dyn];
  }

  #optMap(expr: Expr & { op: 'optMap' }, scope: Scope): Type {
    const value = this.check(expr.value, scope);
    if (value.kind !== 'optional' && value.kind !== 'dyn')
      return this.#noOverload(expr.at, expr.flat ? 'optFlatMap' : 'optMap', { given: [value], member: false });
    const body = this.check(expr.body, within(scope, [[expr.name, value.kind === 'optional' ? value.of : t.dyn]]));
    return expr.flat ? body : t.optional(body);
  }
}

function literalType(value: (Expr & { op: 'literal' })['value']): Type {
  switch (typeof value) {
    case 'bigint':
      return t.int;
    case 'number':
      return t.double;
    case 'string':
      return { kind: 'string', max: value.length };
    case 'boolean':
      return t.bool;
    default:
      return value === null ? t.nullType : value instanceof Uint ? t.uint : t.bytes;
  }
}
