/** One label key over all node slots; values are interned to small numbers. */
export interface LabelColumn {
  readonly key: string;
  /** The value's id by slot; 0 where the node has no such label. */
  bySlot: Int32Array;
  /** `values[id]`; id 0 stands for "no label". Only ever grows. */
  readonly values: (string | undefined)[];
}

/**
 * Node labels as columns, one for each key that some pod asked about: the cost of a label nobody selects by is nothing.
 * A column costs 4 bytes a node; keys come from pods' selectors, so their number is that of distinct selector keys.
 */
export class LabelColumns {
  readonly #columns = new Map<string, { column: LabelColumn; ids: Map<string, number> }>();
  readonly #labelsOf: (key: string, slot: number) => string | undefined;
  #capacity: number;

  /** `labelsOf` answers for the present nodes; used once for each new column. */
  constructor(capacity: number, labelsOf: (key: string, slot: number) => string | undefined) {
    this.#capacity = capacity;
    this.#labelsOf = labelsOf;
  }

  column(key: string): LabelColumn {
    const known = this.#columns.get(key);
    if (known) return known.column;
    const column: LabelColumn = { key, bySlot: new Int32Array(this.#capacity), values: [undefined] };
    const entry = { column, ids: new Map<string, number>() };
    this.#columns.set(key, entry);
    for (let slot = 0; slot < this.#capacity; slot++) {
      column.bySlot[slot] = this.#intern(entry, this.#labelsOf(key, slot));
    }
    return column;
  }

  /** Reads the slot's labels again. */
  refresh(slot: number): void {
    for (const entry of this.#columns.values()) {
      entry.column.bySlot[slot] = this.#intern(entry, this.#labelsOf(entry.column.key, slot));
    }
  }

  grow(capacity: number): void {
    this.#capacity = capacity;
    for (const { column } of this.#columns.values()) {
      const bySlot = new Int32Array(capacity);
      bySlot.set(column.bySlot);
      column.bySlot = bySlot;
    }
  }

  #intern(entry: { column: LabelColumn; ids: Map<string, number> }, value: string | undefined): number {
    if (value === undefined) return 0;
    let id = entry.ids.get(value);
    if (id === undefined) {
      id = entry.column.values.length;
      entry.column.values.push(value);
      entry.ids.set(value, id);
    }
    return id;
  }
}

/** The column of the node's name, for `matchFields`; no label key can be this. */
export const nodeNameKey = 'metadata.name=';
