export interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  values: string[];
}

interface Token {
  kind: 'word' | 'symbol' | 'end';
  text: string;
}

const symbols = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'];
const binary = 'in, notin, =, ==, !=, gt, lt';
const end: Token = { kind: 'end', text: '' };

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text[at] as string)) {
      at++;
      continue;
    }
    const symbol = symbols.find((s) => text.startsWith(s, at));
    const word = symbol ?? (/^[^\s=!(),<>]+/.exec(text.slice(at)) as RegExpExecArray)[0];
    tokens.push({ kind: symbol ? 'symbol' : 'word', text: word });
    at += word.length;
  }
  return tokens;
}

/** Splits a label selector into its requirements; `fail` makes the error for a text that is none. */
export const parseRequirements = (text: string, fail: (message: string) => Error): Requirement[] =>
  new RequirementParser(tokenize(text), fail).parse();

class RequirementParser {
  readonly #tokens: Token[];
  readonly #fail: (message: string) => Error;
  #at = 0;

  constructor(tokens: Token[], fail: (message: string) => Error) {
    this.#tokens = tokens;
    this.#fail = fail;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek().kind === 'end') return requirements;
    for (;;) {
      const start = this.#peek();
      if (start.kind !== 'word' && start.text !== '!')
        throw this.#fail(`found '${start.text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') return requirements;
      if (next.text !== ',') throw this.#fail(`found '${next.text}', expected: ',' or 'end of string'`);
      const after = this.#peek();
      if (after.kind !== 'word' && after.text !== '!')
        throw this.#fail(`found '${after.text}', expected: identifier after ','`);
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? end;
  }

  #take(): Token {
    return this.#tokens[this.#at++] ?? end;
  }

  #requirement(): Requirement {
    const negated = this.#peek().text === '!' && this.#peek().kind === 'symbol';
    if (negated) this.#take();
    const key = this.#take();
    if (key.kind !== 'word') throw this.#fail(`found '${key.text}', expected: identifier`);
    if (negated) return { key: key.text, operator: 'DoesNotExist', values: [] };
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') return { key: key.text, operator: 'Exists', values: [] };
    return this.#comparison(key.text, this.#take().text);
  }

  #comparison(key: string, operator: string): Requirement {
    switch (operator) {
      case '=':
      case '==':
        return { key, operator: 'In', values: [this.#value()] };
      case '!=':
        return { key, operator: 'NotIn', values: [this.#value()] };
      case '>':
        return { key, operator: 'Gt', values: [this.#value()] };
      case '<':
        return { key, operator: 'Lt', values: [this.#value()] };
      case 'in':
        return { key, operator: 'In', values: this.#values() };
      case 'notin':
        return { key, operator: 'NotIn', values: this.#values() };
      default:
        throw this.#fail(`found '${operator}', expected: ${binary}`);
    }
  }

  /** One value; nothing means the empty one. */
  #value(): string {
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') return '';
    if (next.kind !== 'word') throw this.#fail(`found '${next.text}', expected: identifier`);
    return this.#take().text;
  }

  #values(): string[] {
    const open = this.#take();
    if (open.text !== '(') throw this.#fail(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    for (;;) {
      values.push(this.#peek().kind === 'word' ? this.#take().text : '');
      const next = this.#take();
      if (next.text === ')') return [...new Set(values)];
      if (next.text !== ',') throw this.#fail(`found '${next.text}', expected: ',', or ')'`);
    }
  }
}
