import type { Chain, Change, SetShape, TableContent, Transaction } from './table.ts';

interface LiveSet {
  shape: SetShape;
  elements: Map<string, string>;
  /**
   * What the kernel holds of the keys that changed since it was last told; undefined: nothing. Not kept while the kernel has
   * no such set.
   */
  before: Map<string, string | undefined> | undefined;
}

/**
 * A table that is changed piece by piece and says what became of it since it was last asked. What is made and taken away in
 * between costs nothing, and asking costs as much as has changed.
 */
export class LiveTable {
  readonly #sets = new Map<string, LiveSet>();
  readonly #chains = new Map<string, Chain>();
  readonly #newSets = new Set<string>();
  readonly #newChains = new Set<string>();
  /** In the order in which they may be taken away. */
  readonly #gone: Extract<Change, { op: 'deleteSet' | 'deleteChain' }>[] = [];
  readonly #changed = new Set<string>();

  addSet(set: string, shape: SetShape): void {
    this.#sets.set(set, { shape, elements: new Map(), before: undefined });
    this.#newSets.add(set);
  }

  /** After everything that it names. */
  addChain(chain: Chain): void {
    this.#chains.set(chain.name, chain);
    this.#newChains.add(chain.name);
  }

  /** Before everything that it names. */
  removeChain(name: string): void {
    this.#chains.delete(name);
    if (!this.#newChains.delete(name)) this.#gone.push({ op: 'deleteChain', name });
  }

  /** Only of one without verdicts: those name chains. */
  removeSet(name: string): void {
    this.#sets.delete(name);
    this.#changed.delete(name);
    if (!this.#newSets.delete(name)) this.#gone.push({ op: 'deleteSet', name });
  }

  /** The keys of a set; none when there is no such set. */
  keysOf(set: string): IterableIterator<string> {
    return (this.#sets.get(set)?.elements ?? new Map<string, string>()).keys();
  }

  /** Undefined takes the element away. Nothing happens to a set that is not there. */
  put(set: string, key: string, value: string | undefined): void {
    const live = this.#sets.get(set);
    if (!live) return;
    const old = live.elements.get(key);
    if (old === value) return;
    if (live.before) {
      if (!live.before.has(key)) live.before.set(key, old);
      this.#changed.add(set);
    }
    if (value === undefined) live.elements.delete(key);
    else live.elements.set(key, value);
  }

  /** All of it, which the kernel is told from now; good until the next change. */
  takeContent(): TableContent {
    const content = this.#content();
    this.#told();
    return content;
  }

  #content(): TableContent {
    const sets: Record<string, SetShape> = {};
    const elements: Record<string, Map<string, string>> = {};
    for (const [name, live] of this.#sets) {
      sets[name] = live.shape;
      elements[name] = live.elements;
    }
    return { sets, chains: [...this.#chains.values()], elements };
  }

  /** What has changed since the last call, or since the beginning. */
  takeChanges(): Transaction {
    const deletes: Change[] = [];
    const adds: Change[] = [];
    for (const set of this.#newSets) {
      const elements = [...(this.#sets.get(set)?.elements ?? [])];
      if (elements.length > 0) adds.push({ op: 'add', set, elements });
    }
    for (const set of this.#changed) {
      const live = this.#sets.get(set) as LiveSet;
      const removed: [string, string][] = [];
      const added: [string, string][] = [];
      for (const [key, old] of live.before ?? []) {
        const now = live.elements.get(key);
        // An element with another value is removed and added: nft cannot replace.
        if (old !== undefined && old !== now) removed.push([key, old]);
        if (now !== undefined && old !== now) added.push([key, now]);
      }
      if (removed.length > 0) deletes.push({ op: 'delete', set, elements: removed });
      if (added.length > 0) adds.push({ op: 'add', set, elements: added });
    }
    const transaction: Change[] = [
      ...Array.from(this.#newSets, (set) => ({ op: 'addSet', set, shape: this.#shapeOf(set) }) as const),
      ...Array.from(this.#newChains, (name) => ({ op: 'addChain', chain: this.#chains.get(name) as Chain }) as const),
      ...deletes,
      ...adds,
      ...this.#gone,
    ];
    this.#told();
    return transaction;
  }

  #told(): void {
    for (const set of this.#changed) this.#sets.get(set)?.before?.clear();
    for (const set of this.#newSets) {
      const live = this.#sets.get(set);
      if (live) live.before = new Map();
    }
    this.#changed.clear();
    this.#newSets.clear();
    this.#newChains.clear();
    this.#gone.length = 0;
  }

  #shapeOf(set: string): SetShape {
    return (this.#sets.get(set) as LiveSet).shape;
  }
}
