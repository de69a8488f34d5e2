import { toJson } from '../../base/lossless-json.ts';
import { setMember } from './json.ts';

type Json = Record<string, unknown>;

/** Parts of up to so many values are shared as a whole; of larger ones, their parts. */
const maxPartSize = 40;
/** Shorter texts are shared by the engine; longer ones are hardly ever equal. */
const sharedText = { from: 11, to: 80 };
/** How many texts are remembered. */
const maxTexts = 16_384;
/** Members whose text is each object's own. */
const ownTexts: ReadonlySet<string> = new Set(['name', 'uid']);
/** How much text of parts is remembered, in characters. */
const maxText = 8 * 2 ** 20;

/**
 * Makes shared, frozen objects of decoded ones. Objects made from one template differ in a few places: their equal parts
 * become one object, known by its JSON text. That is what lets a hundred thousand decoded pods fit into memory.
 */
export class SharedParts {
  /** Two generations; the older one goes when the younger is full. */
  #young = new Map<string, object>();
  #old = new Map<string, object>();
  #text = 0;
  #youngTexts = new Map<string, string>();
  #oldTexts = new Map<string, string>();

  /**
   * Freezes an object and makes of it what its JSON text says: members that are undefined are absent. What is frozen
   * already has been through here, all the way down. Takes the object over.
   */
  freeze<T extends object>(object: T): T {
    return this.#members(object, 0) as T;
  }

  /** The object itself and its sections (metadata, spec) are hardly ever equal to others: parts begin below them. */
  #members(value: object, depth: number): object {
    if (Object.isFrozen(value)) return value;
    this.#shareTexts(value);
    return frozen(value, (member, name) => {
      if (Object.isFrozen(member)) return member;
      // Who owns what follows from the template and the writer, whatever its size.
      if (name === 'fieldsV1' || (depth > 0 && sizeUpTo(member, maxPartSize) <= maxPartSize)) return this.#part(member);
      return this.#members(member, depth + 1);
    });
  }

  /** Objects with a place of their own have texts of a template too: images, paths, times of one second. */
  #shareTexts(value: object): void {
    if (Array.isArray(value)) return;
    const object = value as Json;
    for (const name in object) {
      const text = object[name];
      if (typeof text !== 'string' || text.length < sharedText.from || text.length > sharedText.to) continue;
      if (!ownTexts.has(name)) setMember(object, name, this.#sharedText(text));
    }
  }

  #sharedText(text: string): string {
    const young = this.#youngTexts.get(text);
    if (young !== undefined) return young;
    if (this.#youngTexts.size >= maxTexts / 2) {
      this.#oldTexts = this.#youngTexts;
      this.#youngTexts = new Map();
    }
    const shared = this.#oldTexts.get(text) ?? text;
    this.#youngTexts.set(shared, shared);
    return shared;
  }

  /** The shared, frozen object that is equal to a small one. Takes it over. */
  share<T extends object | undefined>(value: T): T {
    return value && (this.#part(value) as T);
  }

  #part(value: object): object {
    if (Object.isFrozen(value)) return value;
    const text = toJson(value);
    const known = this.#young.get(text) ?? this.#old.get(text);
    // What differs in one place (a volume with a name of its own) has parts that do not.
    const part = known ?? frozen(value, (member) => this.#part(member));
    if (!this.#young.has(text)) this.#remember(text, part);
    return part;
  }

  #remember(text: string, part: object): void {
    if (this.#text + text.length > maxText / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#text = 0;
    }
    this.#young.set(text, part);
    this.#text += text.length;
  }
}

/** How many values a tree has; counting ends past the limit. */
function sizeUpTo(value: object, limit: number): number {
  let size = 1;
  for (const name in value) {
    const member: unknown = value[name as never];
    size += typeof member === 'object' && member !== null ? sizeUpTo(member, limit - size) : 1;
    if (size > limit) return size;
  }
  return size;
}

/** The same as `freeze`, with nothing shared: for what is small or does not stay. */
export const frozenWhole = <T extends object>(value: T): T =>
  Object.isFrozen(value) ? value : (frozen(value, frozenWhole) as T);

/** Freezes a value after `settle` has had its members that are objects; items of a list have no name. */
function frozen(value: object, settle: (member: object, name: string) => object): object {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (item === undefined) value[i] = null;
      else if (typeof item === 'object' && item !== null) value[i] = settle(item, '');
    }
    return Object.freeze(value);
  }
  const object = value as Json;
  for (const name in object) {
    const member = object[name];
    if (member === undefined) return frozen(withoutUndefined(object), settle);
    if (typeof member !== 'object' || member === null) continue;
    const settled = settle(member, name);
    if (settled !== member) setMember(object, name, settled);
  }
  return Object.freeze(object);
}

const withoutUndefined = (object: object): object =>
  Object.fromEntries(Object.entries(object).filter(([, member]) => member !== undefined));
