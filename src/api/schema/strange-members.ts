import { endOfJsonString } from './json-text.ts';

/** Never more than this many are named. */
const maxFindings = 100;

/**
 * What is strange about a JSON text, in Kubernetes' words and in the order of the text: members that occur twice in one object, and
 * those whose paths are in `unknown`. `JSON.parse` keeps the last of several silently. Of an unknown member nothing else is said. The text
 * must be valid JSON.
 */
export function strangeMembers(json: string, unknown: readonly string[] = []): string[] {
  return new MemberScan(json, new Set(unknown)).messages();
}

/** An open object or list of the scan. */
interface Level {
  /** Names seen so far; absent for a list. */
  seen?: Set<string>;
  /** The member or index the scan is in. */
  step: string | number;
  /** Within an unknown member. */
  isForeign: boolean;
  /** The member that the scan is in is unknown. */
  atForeign: boolean;
}

const quote = 0x22;

class MemberScan {
  readonly #text: string;
  readonly #levels: Level[] = [];
  readonly #unknown: ReadonlySet<string>;
  /** Paths, and whether they are unknown (or else there twice). */
  readonly #found = new Map<string, boolean>();
  #at = 0;

  constructor(text: string, unknown: ReadonlySet<string> = new Set()) {
    this.#text = text;
    this.#unknown = unknown;
  }

  messages(): string[] {
    while (this.#at < this.#text.length && this.#found.size < maxFindings) this.#token();
    return [...this.#found].map(([path, isUnknown]) => `${isUnknown ? 'unknown' : 'duplicate'} field "${path}"`);
  }

  #token(): void {
    const level = this.#levels.at(-1);
    switch (this.#text.charCodeAt(this.#at++)) {
      case quote:
        this.#string(level);
        break;
      case 0x7b: // {
        this.#levels.push({ seen: new Set(), step: '', ...this.#inside(level) });
        break;
      case 0x5b: // [
        this.#levels.push({ step: 0, ...this.#inside(level) });
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
    if (level.isForeign) return;
    level.atForeign = this.#unknown.size > 0 && this.#unknown.has(this.#path());
    if (level.atForeign || level.seen.has(name)) this.#found.set(this.#path(), level.atForeign);
    level.seen.add(name);
  }

  #inside(level: Level | undefined): Pick<Level, 'isForeign' | 'atForeign'> {
    return { isForeign: level !== undefined && (level.isForeign || level.atForeign), atForeign: false };
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
