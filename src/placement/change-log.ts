/** How far back single changes are remembered. */
const depth = 4096;

/** Which slots changed, so that what was computed of many of them can be kept current instead of computed anew. */
export class ChangeLog {
  /** Counts all changes. */
  generation = 0;
  /** The last one that was more than pods coming to or leaving a slot. */
  #upheaval = 0;
  readonly #slots = new Int32Array(depth);

  /** Pods came to a slot or left it. */
  slot(slot: number): void {
    this.#slots[++this.generation % depth] = slot;
  }

  /** Anything else: whatever was computed is void. */
  everything(): void {
    this.#upheaval = ++this.generation;
  }

  /** The slots that changed after `generation`, some more than once; undefined: compute anew. */
  since(generation: number): number[] | undefined {
    if (generation < this.#upheaval || this.generation - generation > depth) return undefined;
    const slots: number[] = [];
    for (let at = generation + 1; at <= this.generation; at++) slots.push(this.#slots[at % depth] as number);
    return slots;
  }
}
