import { DecodeError } from './decode-error.ts';

/** Objects nested deeper than this are refused. */
export const maxDepth = 200;

/** What kind of thing a level of the path is a member of: a struct (by its Go name), a list or a map. */
export const inList = '[]';
export const inMap = '{}';

/**
 * Where a decoder stands in the object, kept so that paths cost nothing until one is needed: slot `depth` of `steps` is
 * the member being read, slot `depth` of `owners` what it is a member of.
 */
export class Cursor {
  depth = 0;
  readonly steps: (string | number)[] = [];
  readonly owners: string[] = [];
  readonly unknown: string[] = [];
  /** `Pod in version "v1" cannot be handled as a Pod`: what every error begins with. */
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** Goes one level down; throws when that is too deep. */
  enter(owner: string): void {
    if (++this.depth > maxDepth) throw this.error(`exceeded max depth of ${maxDepth}`);
    this.owners[this.depth] = owner;
  }

  leave(): void {
    this.depth--;
  }

  error(detail: string): Error {
    return new DecodeError(this.prefix, detail);
  }

  /** The error for a JSON value of the wrong type, in the words of Go's decoder. */
  mismatch(value: unknown, goType: string): Error {
    const names: string[] = [];
    let struct = '';
    for (let i = 1; i <= this.depth; i++) {
      const owner = this.owners[i] as string;
      if (owner === inList || owner === inMap) continue;
      struct = owner;
      names.push(String(this.steps[i]));
    }
    const target = struct ? `struct field ${struct}.${names.join('.')}` : 'value';
    return this.error(`json: cannot unmarshal ${jsonKind(value)} into Go ${target} of type ${goType}`);
  }

  /** Notes a field that the schema does not have: `spec.containers[0].foo`. */
  noteUnknown(name: string): void {
    if (this.unknown.length >= 100) return;
    this.steps[this.depth] = name;
    this.unknown.push(this.path());
  }

  path(): string {
    let text = '';
    for (let i = 1; i <= this.depth; i++) {
      const step = this.steps[i] as string | number;
      if (this.owners[i] === inList) text += `[${step}]`;
      else text += text ? `.${step}` : step;
    }
    return text;
  }
}

/** The kind of a JSON value as Go's decoder names it. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'number';
    case 'number':
      return Number.isInteger(value) ? 'number' : `number ${value}`;
    case 'string':
      return 'string';
    default:
      return 'object';
  }
}
