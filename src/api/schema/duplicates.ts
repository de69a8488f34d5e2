import { endOfJsonString } from './json-text.ts';

/** Never more than this many are named. */
const maxFindings = 100;

/**
 * The paths of members that occur twice in one object (`spec.containers[0].name`), in the order of the text. `JSON.parse`
 * keeps the last one silently; `fieldValidation` Strict and Warn name them. The text must be valid JSON.
 */
export function duplicateFields(json: Buffer | string): string[] {
  const scan = new DuplicateScan(typeof json === 'string' ? json : json.toString('utf8'));
  return scan.run();
}

/** An open object or list of the scan. */
interface Level {
  /** Names seen so far; absent for a list. */
  seen?: Set<string>;
  /** The member or index the scan is in. */
  step: string | number;
}

const quote = 0x22;

class DuplicateScan {
  readonly #text: string;
  readonly #levels: Level[] = [];
  readonly #found = new Set<string>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): string[] {
    while (this.#at < this.#text.length && this.#found.size < maxFindings) this.#token();
    return [...this.#found];
  }

  #token(): void {
    const level = this.#levels.at(-1);
    switch (this.#text.charCodeAt(this.#at++)) {
      case quote:
        this.#string(level);
        break;
      case 0x7b: // {
        this.#levels.push({ seen: new Set(), step: '' });
        break;
      case 0x5b: // [
        this.#levels.push({ step: 0 });
        break;
      case 0x7d: // }
      case 0x5d: // ]
        this.#levels.pop();
        break;
      case 0x2c: // ,
        if (level && typeof level.step === 'number') level.step++;
        break;
      default:
    }
  }

  /** A string is a member's name when a colon follows it. */
  #string(level: Level | undefined): void {
    const start = this.#at - 1;
    const end = endOfJsonString(this.#text, start) + 1;
    this.#at = end;
    if (!level?.seen) return;
    while (this.#text.charCodeAt(this.#at) <= 0x20) this.#at++;
    if (this.#text[this.#at] !== ':') return;
    const plain = this.#text.slice(start + 1, end - 1);
    const name = plain.includes('\\') ? (JSON.parse(`"${plain}"`) as string) : plain;
    level.step = name;
    if (level.seen.has(name)) this.#found.add(this.#path());
    level.seen.add(name);
  }

  #path(): string {
    let text = '';
    for (const { step } of this.#levels) {
      if (typeof step === 'number') text += `[${step}]`;
      else text += text ? `.${step}` : step;
    }
    return text;
  }
}
