/** Why a filter turned a node away. */
export interface Verdict {
  /** The filter's name, as in Kubernetes' scheduler configuration. */
  readonly plugin: string;
  /** Kubernetes' words; a node can lack several resources at once. */
  readonly reasons: readonly string[];
  /** False when removing pods from the node cannot help (UnschedulableAndUnresolvable). */
  readonly resolvable: boolean;
}

/**
 * Nodes on their way through the filters: the first `count` of `slots` still stand, `verdicts` has the others. One object
 * serves many attempts; `reset` begins each.
 */
export class Candidates {
  slots = new Int32Array(0);
  count = 0;
  /** By slot; only those in `rejected` belong to this attempt. */
  readonly verdicts: Verdict[] = [];
  rejected = new Int32Array(0);
  rejectedCount = 0;

  /** Begins an attempt over a cluster with room for `capacity` slots. */
  reset(capacity: number): void {
    if (this.slots.length < capacity) {
      this.slots = new Int32Array(capacity);
      this.rejected = new Int32Array(capacity);
    }
    this.count = 0;
    this.rejectedCount = 0;
  }

  reject(slot: number, verdict: Verdict): void {
    this.verdicts[slot] = verdict;
    this.rejected[this.rejectedCount++] = slot;
  }

  /** Keeps the slots that pass, in order. For filters that few pods use; hot ones spell the loop out. */
  keep(passes: (slot: number) => boolean, verdict: Verdict): void {
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      const slot = this.slots[i] as number;
      if (passes(slot)) this.slots[kept++] = slot;
      else this.reject(slot, verdict);
    }
    this.count = kept;
  }
}
