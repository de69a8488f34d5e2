import type { Expr } from './ast.ts';
import { fail, type Token, tokens } from './lexer.ts';
import { expandMacro } from './macros.ts';

/** Words that name nothing. */
export const reserved: ReadonlySet<string> = new Set([
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
  'var',
  'void',
  'while',
]);

const maxDepth = 250;

/** The syntax tree of an expression (CEL specification, "Syntax"), macros expanded. Throws `CompileError`. */
export function parse(source: string): Expr {
  const parser = new Parser(source);
  return parser.whole();
}

type Binary = [sign: string, name: string];
const relations: Binary[] = [
  ['==', '_==_'],
  ['!=', '_!=_'],
  ['<=', '_<=_'],
  ['>=', '_>=_'],
  ['<', '_<_'],
  ['>', '_>_'],
];
const sums: Binary[] = [
  ['+', '_+_'],
  ['-', '_-_'],
];
const products: Binary[] = [
  ['*', '_*_'],
  ['/', '_/_'],
  ['%', '_%_'],
];

class Parser {
  readonly #source: string;
  readonly #tokens: Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokens(source);
  }

  whole(): Expr {
    const expression = this.#ternary();
    if (this.#peek().type !== 'end') throw this.#unexpected();
    return expression;
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  /** Takes a sign if it is the next token; answers with where it was. */
  #sign(text: string): number | undefined {
    const token = this.#peek();
    if (token.type !== 'sign' || token.text !== text) return undefined;
    this.#next++;
    return token.at;
  }

  #expect(text: string): void {
    if (this.#sign(text) === undefined) throw this.#unexpected(`'${text}'`);
  }

  #unexpected(wanted?: string): Error {
    const token = this.#peek();
    const shown =
      token.type === 'end' ? '<EOF>' : this.#source.slice(token.at, this.#tokens[this.#next + 1]?.at).trim();
    const what = wanted ? `missing ${wanted} at '${shown}'` : `mismatched input '${shown}' expecting <EOF>`;
    return fail(this.#source, token.at, `Syntax error: ${what}`);
  }

  #ternary(): Expr {
    if (++this.#depth > maxDepth)
      throw fail(this.#source, this.#peek().at, `expression recursion limit exceeded: ${maxDepth}`);
    const condition = this.#or();
    const at = this.#sign('?');
    let result = condition;
    if (at !== undefined) {
      const yes = this.#or();
      this.#expect(':');
      result = { op: 'if', at, condition, yes, no: this.#ternary() };
    }
    this.#depth--;
    return result;
  }

  #or(): Expr {
    let left = this.#and();
    for (let at = this.#sign('||'); at !== undefined; at = this.#sign('||'))
      left = { op: 'or', at, left, right: this.#and() };
    return left;
  }

  #and(): Expr {
    let left = this.#relation();
    for (let at = this.#sign('&&'); at !== undefined; at = this.#sign('&&'))
      left = { op: 'and', at, left, right: this.#relation() };
    return left;
  }

  #relation(): Expr {
    let left = this.#binary(sums, () => this.#binary(products, () => this.#unary()));
    for (;;) {
      const token = this.#peek();
      const isIn = token.type === 'ident' && token.text === 'in';
      const known = token.type === 'sign' ? relations.find(([sign]) => sign === token.text) : undefined;
      if (!isIn && !known) return left;
      this.#next++;
      const right = this.#binary(sums, () => this.#binary(products, () => this.#unary()));
      left = { op: 'call', at: token.at, name: known ? known[1] : '@in', target: undefined, args: [left, right] };
    }
  }

  #binary(operators: Binary[], operand: () => Expr): Expr {
    let left = operand();
    for (;;) {
      const token = this.#peek();
      const known = token.type === 'sign' ? operators.find(([sign]) => sign === token.text) : undefined;
      if (!known) return left;
      this.#next++;
      left = { op: 'call', at: token.at, name: known[1], target: undefined, args: [left, operand()] };
    }
  }

  #unary(): Expr {
    const not = this.#sign('!');
    if (not !== undefined) return { op: 'call', at: not, name: '!_', target: undefined, args: [this.#unary()] };
    const minus = this.#sign('-');
    if (minus === undefined) return this.#member();
    const token = this.#peek();
    if (token.type === 'number' && (typeof token.value === 'bigint' || typeof token.value === 'number')) {
      this.#next++;
      return this.#members({ op: 'literal', at: minus, value: -token.value });
    }
    return { op: 'call', at: minus, name: '-_', target: undefined, args: [this.#unary()] };
  }

  #member(): Expr {
    return this.#members(this.#primary());
  }

  #members(start: Expr): Expr {
    let object = start;
    for (;;) {
      const token = this.#peek();
      const optional = token.type === 'sign' && (token.text === '?.' || token.text === '[?');
      if (token.type === 'sign' && (token.text === '.' || token.text === '?.')) {
        this.#next++;
        // `.?field`, too.
        const asked = optional || this.#sign('?') !== undefined;
        object = this.#selection(object, token.at, asked);
      } else if (token.type === 'sign' && (token.text === '[' || token.text === '[?')) {
        this.#next++;
        const index = this.#ternary();
        this.#expect(']');
        const name = optional ? '_[?_]' : '_[_]';
        object = { op: 'call', at: token.at, name, target: undefined, args: [object, index] };
      } else if (token.type === 'sign' && (token.text === '{' || token.text === '{?')) {
        const name = qualifiedName(object);
        if (name === undefined) return object;
        this.#next++;
        object = { op: 'struct', at: object.at, name, fields: this.#fields(token.text === '{?') };
      } else return object;
    }
  }

  /** `field: value` up to the closing brace. */
  #fields(firstOptional: boolean): (Expr & { op: 'struct' })['fields'] {
    return this.#entries(firstOptional, () => {
      const name = this.#peek();
      if (name.type !== 'ident') throw this.#unexpected('IDENTIFIER');
      this.#next++;
      return name.text;
    }).map(({ key: field, value, optional }) => ({ field, value, optional }));
  }

  #selection(object: Expr, at: number, optional: boolean): Expr {
    const name = this.#peek();
    if (name.type !== 'ident') throw this.#unexpected('IDENTIFIER');
    this.#next++;
    if (optional || this.#sign('(') === undefined) return { op: 'select', at, object, field: name.text, optional };
    const args = this.#list(')');
    const call = { name: name.text, target: object, args, at };
    return expandMacro(this.#source, call) ?? { op: 'call', ...call };
  }

  /** Expressions up to a closing sign. */
  #list(close: string): Expr[] {
    const items: Expr[] = [];
    while (this.#sign(close) === undefined) {
      if (items.length > 0) this.#expect(',');
      // A comma at the end is allowed.
      if (items.length > 0 && this.#sign(close) !== undefined) break;
      items.push(this.#ternary());
    }
    return items;
  }

  #primary(): Expr {
    const token = this.#peek();
    switch (token.type) {
      case 'number':
      case 'string':
      case 'bytes':
        this.#next++;
        if (token.type === 'number' && token.value === 2n ** 63n)
          throw fail(this.#source, token.at, 'invalid int literal');
        return { op: 'literal', at: token.at, value: token.value };
      case 'ident':
        return this.#named(token.text, token.at);
      case 'sign':
        return this.#group(token.text, token.at);
      default:
        throw fail(this.#source, token.at, "Syntax error: mismatched input '<EOF>' expecting an expression");
    }
  }

  #named(name: string, at: number): Expr {
    this.#next++;
    if (name === 'true' || name === 'false') return { op: 'literal', at, value: name === 'true' };
    if (name === 'null') return { op: 'literal', at, value: null };
    if (name === 'in') throw fail(this.#source, at, "Syntax error: mismatched input 'in'");
    if (reserved.has(name)) throw fail(this.#source, at, `reserved identifier: ${name}`);
    if (this.#sign('(') === undefined) return { op: 'ident', at, name };
    const call = { name, target: undefined, args: this.#list(')'), at };
    return expandMacro(this.#source, call) ?? { op: 'call', ...call };
  }

  #group(text: string, at: number): Expr {
    this.#next++;
    if (text === '(') {
      const inner = this.#ternary();
      this.#expect(')');
      return inner;
    }
    if (text === '[' || text === '[?') return this.#listLiteral(at, text === '[?');
    if (text === '{' || text === '{?') return this.#mapLiteral(at, text === '{?');
    if (text === '.') {
      const name = this.#peek();
      if (name.type === 'ident') return this.#named(name.text, at);
    }
    this.#next--;
    throw this.#unexpected('an expression');
  }

  #listLiteral(at: number, firstOptional: boolean): Expr {
    const items: { value: Expr; optional: boolean }[] = [];
    while (firstOptional || this.#sign(']') === undefined) {
      if (items.length > 0) this.#expect(',');
      if (items.length > 0 && this.#sign(']') !== undefined) break;
      const optional = (firstOptional && items.length === 0) || this.#sign('?') !== undefined;
      items.push({ value: this.#ternary(), optional });
      if (firstOptional && this.#sign(']') !== undefined) break;
    }
    return { op: 'list', at, items };
  }

  #mapLiteral(at: number, firstOptional: boolean): Expr {
    return { op: 'map', at, entries: this.#entries(firstOptional, () => this.#ternary()) };
  }

  #entries<K>(firstOptional: boolean, key: () => K): { key: K; value: Expr; optional: boolean }[] {
    const entries: { key: K; value: Expr; optional: boolean }[] = [];
    while (firstOptional || this.#sign('}') === undefined) {
      if (entries.length > 0) this.#expect(',');
      if (entries.length > 0 && this.#sign('}') !== undefined) break;
      const optional = (firstOptional && entries.length === 0) || this.#sign('?') !== undefined;
      const name = key();
      this.#expect(':');
      entries.push({ key: name, value: this.#ternary(), optional });
      if (firstOptional && this.#sign('}') !== undefined) break;
    }
    return entries;
  }
}

/** `a.b.c`; undefined for what is no name. */
function qualifiedName(expr: Expr): string | undefined {
  if (expr.op === 'ident') return expr.name;
  if (expr.op !== 'select' || expr.optional) return undefined;
  const before = qualifiedName(expr.object);
  return before === undefined ? undefined : `${before}.${expr.field}`;
}
