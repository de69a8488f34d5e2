/** What is wrong with a text that is not JSON, in the words of Go's `encoding/json`: clients show them. */
export function jsonSyntaxError(text: string): string {
  const at = new Scan(text);
  try {
    at.value();
    at.blanks();
    if (!at.ended) at.refuse('after top-level value');
  } catch (error) {
    if (error instanceof Wrong) return error.message;
    throw error;
  }
  // JSON.parse refused it for a reason that Go does not know.
  return 'invalid character';
}

class Wrong extends Error {}

/** Go goes ten times as deep; here every level costs stack. */
const maxNesting = 1000;

class Scan {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get ended(): boolean {
    return this.#at >= this.#text.length;
  }

  #next(): string {
    if (this.ended) throw new Wrong('unexpected end of JSON input');
    return this.#text[this.#at] as string;
  }

  refuse(where: string): never {
    throw new Wrong(`invalid character ${quoted(this.#next())} ${where}`);
  }

  blanks(): void {
    while (!this.ended && ' \t\r\n'.includes(this.#text[this.#at] as string)) this.#at++;
  }

  value(depth = 0): void {
    this.blanks();
    if (depth > maxNesting) throw new Wrong('exceeded max depth');
    const first = this.#next();
    if (first === '{') this.#members(depth);
    else if (first === '[') this.#elements(depth);
    else if (first === '"') this.#string();
    else if (first === '-' || isDigit(first)) this.#number();
    else if (first in literals) this.#literal(literals[first] as string);
    else this.refuse('looking for beginning of value');
  }

  #members(depth: number): void {
    for (let first = true; ; first = false) {
      this.#at++;
      this.blanks();
      if (first && this.#next() === '}') break;
      if (this.#next() !== '"') this.refuse('looking for beginning of object key string');
      this.#string();
      this.blanks();
      if (this.#next() !== ':') this.refuse('after object key');
      this.#at++;
      this.value(depth + 1);
      this.blanks();
      if (this.#next() === '}') break;
      if (this.#next() !== ',') this.refuse('after object key:value pair');
    }
    this.#at++;
  }

  #elements(depth: number): void {
    this.#at++;
    this.blanks();
    if (this.#next() !== ']')
      for (;;) {
        this.value(depth + 1);
        this.blanks();
        if (this.#next() === ']') break;
        if (this.#next() !== ',') this.refuse('after array element');
        this.#at++;
      }
    this.#at++;
  }

  #string(): void {
    for (this.#at++; this.#next() !== '"'; this.#at++) {
      if (this.#next() < ' ') this.refuse('in string literal');
      if (this.#next() !== '\\') continue;
      this.#at++;
      if (this.#next() !== 'u') {
        if (!'"\\/bfnrt'.includes(this.#next())) this.refuse('in string escape code');
        continue;
      }
      for (let i = 0; i < 4; i++) {
        this.#at++;
        if (!/[0-9a-fA-F]/.test(this.#next())) this.refuse('in \\u hexadecimal character escape');
      }
    }
    this.#at++;
  }

  #number(): void {
    if (this.#next() === '-') this.#at++;
    if (this.#next() === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (!this.ended && this.#next() === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (this.ended || !'eE'.includes(this.#next())) return;
    this.#at++;
    if ('+-'.includes(this.#next())) this.#at++;
    this.#digits('in exponent of numeric literal');
  }

  #digits(where: string): void {
    if (!isDigit(this.#next())) this.refuse(where);
    while (!this.ended && isDigit(this.#next())) this.#at++;
  }

  #literal(word: string): void {
    for (const letter of word) {
      if (this.#next() !== letter) this.refuse(`in literal ${word} (expecting '${letter}')`);
      this.#at++;
    }
  }
}

const literals: Record<string, string> = { t: 'true', f: 'false', n: 'null' };
const isDigit = (character: string): boolean => character >= '0' && character <= '9';

/** A character as Go quotes it. */
function quoted(character: string): string {
  if (character === "'") return `'\\''`;
  if (character === '"') return `'"'`;
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}
