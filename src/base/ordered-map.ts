const chunkSize = 512;

/**
 * A map that also knows its keys in order (by UTF-16 code unit). Point reads cost a hash look-up; inserts and removals a
 * binary search and a short copy in a chunk of at most 512 keys.
 */
export class OrderedMap<V> {
  readonly #values = new Map<string, V>();
  /** Sorted, non-empty (but for a sole empty one) chunks of sorted keys. */
  readonly #chunks: string[][] = [[]];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(at, 1);
    return true;
  }

  /** Values in no particular order. */
  values(): IterableIterator<V> {
    return this.#values.values();
  }

  /** Keys from `start` (inclusive) to `end` (exclusive; none: to the last), in order. The map must not change meanwhile. */
  *keys(start = '', end?: string): Generator<string> {
    let at = this.#chunkOf(start);
    let i = lowerBound(this.#chunks[at] as string[], start);
    for (; at < this.#chunks.length; at++, i = 0) {
      const chunk = this.#chunks[at] as string[];
      for (; i < chunk.length; i++) {
        const key = chunk[i] as string;
        if (end !== undefined && key >= end) return;
        yield key;
      }
    }
  }

  #insert(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > chunkSize) this.#chunks.splice(at + 1, 0, chunk.splice(chunkSize >> 1));
  }

  /** The last chunk whose first key is not after `key`; the first one when there is none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (((this.#chunks[middle] as string[])[0] as string) <= key) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Index of the first item that is not before `key`. */
function lowerBound(sorted: string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
