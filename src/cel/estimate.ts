import type { Expr, Loop } from './ast.ts';
import type { Checked } from './checker.ts';
import type { Type } from './types.ts';

/** How much there can be of a value of which nothing is known: what fits into the largest request. */
const requestBytes = 3 * 2 ** 20;
const unknownSize = requestBytes - 2;

const stepCost = 3;

/** What a part can cost at most, and how much its value can be. */
interface Estimate {
  cost: number;
  size: number;
}

/** The most that an expression can cost, by the largest values that its types allow (KEP-2876). */
export const estimateCost = (expression: Expr, checked: Checked): number => new Estimator(checked).of(expression).cost;

/** How many characters, elements or entries a value of the type can have. */
export function largest(type: Type): number {
  switch (type.kind) {
    case 'string':
    case 'bytes':
      return type.max ?? unknownSize;
    case 'list':
      return type.max ?? Math.floor(unknownSize / (leastBytes(type.element) + 1));
    case 'map':
      return type.max ?? Math.floor(unknownSize / (leastBytes(type.value) + 6));
    case 'optional':
      return largest(type.of);
    case 'dyn':
      return type.max ?? unknownSize;
    default:
      return 1;
  }
}

/** The shortest JSON of a type. */
function leastBytes(type: Type): number {
  switch (type.kind) {
    case 'bool':
      return 4;
    case 'int':
    case 'uint':
    case 'double':
    case 'dyn':
      return 1;
    default:
      return 2;
  }
}

class Estimator {
  readonly #checked: Checked;

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  of(expr: Expr): Estimate {
    const size = this.#sizeOf(expr);
    switch (expr.op) {
      case 'literal':
        return { cost: 0, size };
      case 'ident':
        return { cost: 1, size };
      case 'select':
      case 'has':
        return { cost: 1 + this.of(expr.object).cost, size };
      case 'call':
        return this.#call(expr, size);
      case 'list':
        return { cost: 10 + this.#sum(expr.items.map((item) => item.value)), size };
      case 'map':
        return { cost: 30 + this.#sum(expr.entries.flatMap((entry) => [entry.key, entry.value])), size };
      case 'and':
      case 'or':
        return { cost: 1 + this.#sum([expr.left, expr.right]), size };
      case 'if': {
        const branches = [expr.yes, expr.no].map((part) => this.of(part).cost);
        return { cost: 1 + this.of(expr.condition).cost + Math.max(...branches), size };
      }
      case 'loop':
        return { cost: this.#loop(expr.loop), size };
      case 'bind':
      case 'optMap':
        return { cost: 1 + this.#sum([expr.value, expr.body]), size };
      case 'struct':
        return { cost: 40 + this.#sum(expr.fields.map((field) => field.value)), size };
    }
  }

  #sizeOf(expr: Expr): number {
    const type = this.#checked.types.get(expr);
    return type ? largest(type) : 1;
  }

  #sum(parts: Expr[]): number {
    return parts.reduce((sum, part) => sum + this.of(part).cost, 0);
  }

  #call(expr: Expr & { op: 'call' }, size: number): Estimate {
    const isGlobal = this.#checked.globals.has(expr);
    const parts = [...(expr.target && !isGlobal ? [expr.target] : []), ...expr.args].map((part) => this.of(part));
    const sizes = parts.map((part) => part.size);
    const overloads = this.#checked.calls.get(expr) ?? [];
    const work = Math.max(0, ...overloads.map((overload) => overload.work?.(...sizes) ?? 0));
    const known = overloads.map((overload) => overload.size?.(...sizes)).filter((one) => one !== undefined);
    return {
      cost: parts.reduce((sum, part) => sum + part.cost, 1 + work),
      size: known.length > 0 ? Math.max(...known) : size,
    };
  }

  #loop(loop: Loop): number {
    const range = this.of(loop.range);
    const condition = loop.condition ? this.of(loop.condition).cost : 0;
    return range.cost + range.size * (stepCost + condition + this.of(loop.body).cost);
  }
}
