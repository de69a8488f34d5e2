import { isJsonObject, ownMember } from './json.ts';

/** One step of a path: from the values reached so far to the next ones. */
type Step = (values: unknown[]) => unknown[];

/** A JSONPath as Kubernetes speaks it (kubectl's JSONPath page), compiled: the values that it reaches in an object. */
export type JsonPath = (object: unknown) => unknown[];

/** A path that cannot be read. */
export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonPathError';
  }
}

/** Paths longer than this are refused. */
const maxLength = 4096;

/** `.spec.x`, `.a[0]`, `.a[*].b`, `.a['b.c']`, `.a[?(@.type=="Ready")].status`, `..x`. Throws `JsonPathError`. */
export function compileJsonPath(path: string): JsonPath {
  if (path.length > maxLength) throw new JsonPathError(`path is longer than ${maxLength} characters`);
  const steps = new Reader(path).steps();
  return (object) => steps.reduce((values, step) => step(values), [object] as unknown[]);
}

const member =
  (name: string): Step =>
  (values) =>
    values.flatMap((value) => {
      const found = isJsonObject(value) ? ownMember(value, name) : undefined;
      return found === undefined ? [] : [found];
    });

const children = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : [];

const everything: Step = (values) => values.flatMap(children);

/** Every value below, itself included. */
const descend: Step = (values) => values.flatMap((value) => [value, ...descend(children(value))]);

function slice(from: number | undefined, to: number | undefined, by: number): Step {
  return (values) =>
    values.flatMap((value) => {
      if (!Array.isArray(value)) return [];
      return value.slice(from, to).filter((_, i) => i % by === 0);
    });
}

const element =
  (index: number): Step =>
  (values) =>
    values.flatMap((value) => {
      const found: unknown = Array.isArray(value) ? value.at(index) : undefined;
      return found === undefined ? [] : [found];
    });

const union =
  (steps: Step[]): Step =>
  (values) =>
    steps.flatMap((step) => step(values));

type Comparison = (left: unknown, right: unknown) => boolean;

/** Numbers with numbers, texts with texts. */
const ordered =
  (holds: (left: number | string, right: number | string) => boolean): Comparison =>
  (left, right) =>
    isOrdered(left) && isOrdered(right) && typeof left === typeof right && holds(left, right);

const isOrdered = (value: unknown): value is number | string => typeof value === 'number' || typeof value === 'string';

const comparisons: [string, Comparison][] = [
  ['==', (left, right) => left === right],
  ['!=', (left, right) => left !== right],
  ['<=', ordered((left, right) => left <= right)],
  ['>=', ordered((left, right) => left >= right)],
  ['<', ordered((left, right) => left < right)],
  ['>', ordered((left, right) => left > right)],
];

function filter(text: string): Step {
  const { left, right, compare } = splitFilter(text);
  return (values) =>
    values.flatMap((value) =>
      children(value).filter((item) => {
        const found = left(item);
        if (!compare) return found.length > 0;
        return found.length > 0 && right(item).length > 0 && compare(found[0], right(item)[0]);
      }),
    );
}

function splitFilter(text: string): { left: JsonPath; right: JsonPath; compare: Comparison | undefined } {
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (quote) quote = c === quote ? '' : quote;
    else if (c === '"' || c === "'") quote = c;
    else {
      const known = comparisons.find(([sign]) => text.startsWith(sign, i));
      if (!known) continue;
      const [sign, compare] = known;
      return { left: operand(text.slice(0, i)), right: operand(text.slice(i + sign.length)), compare };
    }
  }
  return { left: operand(text), right: () => [], compare: undefined };
}

function operand(text: string): JsonPath {
  const trimmed = text.trim();
  const quoted = /^(["'])(.*)\1$/.exec(trimmed);
  if (quoted) return () => [quoted[2]];
  if (trimmed.startsWith('@')) return compileJsonPath(trimmed.slice(1));
  if (trimmed === 'true' || trimmed === 'false') return () => [trimmed === 'true'];
  const number = Number(trimmed);
  if (trimmed === '' || Number.isNaN(number)) throw new JsonPathError(`unrecognized operand ${JSON.stringify(text)}`);
  return () => [number];
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.startsWith('$') ? text.slice(1) : text;
  }

  steps(): Step[] {
    const steps: Step[] = [];
    while (this.#at < this.#text.length) steps.push(...this.#step());
    return steps;
  }

  #step(): Step[] {
    const c = this.#text[this.#at];
    if (c === '[') return [this.#bracket()];
    if (c !== '.') throw new JsonPathError(`unexpected ${JSON.stringify(c)} at ${this.#at}`);
    this.#at++;
    const recursive = this.#text[this.#at] === '.';
    if (recursive) this.#at++;
    if (this.#text[this.#at] === '[') return recursive ? [descend, this.#bracket()] : [this.#bracket()];
    const name = this.#name();
    const step = name === '*' ? [everything] : name === '' ? [] : [member(name)];
    return recursive ? [descend, ...step] : step;
  }

  /** A name up to the next dot or bracket; a backslash takes the next character as it is. */
  #name(): string {
    let name = '';
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text[this.#at] as string;
      if (c === '\\') name += this.#text[++this.#at] ?? '';
      else if (c === '.' || c === '[') break;
      else name += c;
    }
    return name;
  }

  #bracket(): Step {
    const end = this.#closing();
    const inner = this.#text.slice(this.#at + 1, end).trim();
    this.#at = end + 1;
    const condition = /^\?\((.*)\)$/s.exec(inner);
    if (condition) return filter(condition[1] as string);
    const parts = inner.split(/,(?=(?:[^'"]*(['"])[^'"]*\1)*[^'"]*$)/).filter((part) => part !== undefined);
    const steps = parts.filter((part) => part !== "'" && part !== '"').map((part) => selector(part.trim()));
    return steps.length === 1 ? (steps[0] as Step) : union(steps);
  }

  /** The bracket that belongs to the one here. */
  #closing(): number {
    let depth = 0;
    let quote = '';
    for (let i = this.#at; i < this.#text.length; i++) {
      const c = this.#text[i] as string;
      if (quote) quote = c === quote ? '' : quote;
      else if (c === '"' || c === "'") quote = c;
      else if (c === '[') depth++;
      else if (c === ']' && --depth === 0) return i;
    }
    throw new JsonPathError('unterminated array');
  }
}

function selector(text: string): Step {
  if (text === '*') return everything;
  const quoted = /^(["'])(.*)\1$/.exec(text);
  if (quoted) return member((quoted[2] as string).replace(/\\(.)/g, '$1'));
  if (/^-?\d+$/.test(text)) return element(Number(text));
  const range = /^(-?\d*):(-?\d*)(?::(\d+))?$/.exec(text);
  if (!range) throw new JsonPathError(`invalid array index ${text}`);
  const [from, to, by] = range.slice(1, 4).map((part) => (part ? Number(part) : undefined));
  return slice(from, to, by ?? 1);
}
