import type { Snapshot } from '../placement/snapshot.ts';
import type { Evaluation } from './evaluation.ts';

/** How many nodes were turned down for a reason, in the words of Kubernetes. */
export type ReasonCounts = ReadonlyMap<string, number>;

/** What one node had against a pod. */
export interface NodeVerdict {
  readonly plugin: string;
  readonly reasons: readonly string[];
}

interface Verdict extends NodeVerdict {
  /** Whether the node could take the pod if others left it. */
  readonly isResolvable: boolean;
}

/** Nodes with one verdict. */
interface Group {
  readonly count: number;
  readonly verdict: Verdict;
}

/**
 * Why a pod found no node, of every node: two bytes each, as most nodes have one of few reasons. Nodes that came later
 * are not in it.
 */
export class Diagnosis {
  /** Of all nodes; what the pod itself is lacking. */
  readonly rejection: NodeVerdict | undefined;
  readonly nodeCount: number;
  readonly #snapshot: Snapshot;
  readonly #born: number;
  readonly #codes: Uint16Array;
  readonly #verdicts: (Verdict | undefined)[];
  readonly #codeOf: Map<string | number, number>;
  #counted: readonly Group[] | undefined;

  /** `before`: of an equal pod, where nothing but `changed` slots is different now. */
  constructor(
    evaluation: Evaluation,
    { before, changed }: { before?: Diagnosis; changed: readonly number[] } = { changed: [] },
  ) {
    const { snapshot } = evaluation.request;
    this.#verdicts = before ? before.#verdicts : [undefined];
    this.#codeOf = before ? before.#codeOf : new Map<string | number, number>();
    this.#snapshot = snapshot;
    this.#born = snapshot.nodesAdded;
    this.nodeCount = snapshot.size;
    const { rejectedBy, only } = evaluation;
    this.rejection = rejectedBy && { plugin: rejectedBy.plugin, reasons: [rejectedBy.test.rejects ?? ''] };
    this.#codes = before ? before.#codes.slice() : new Uint16Array(rejectedBy ? 0 : snapshot.slots.length);
    if (before) for (const slot of changed) this.#codes[slot] = this.#judge(evaluation, slot);
    if (rejectedBy || before) return;
    const asked = only && new Set(only.slots);
    for (let i = 0; i < snapshot.size; i++) {
      const slot = snapshot.slots[i] as number;
      this.#codes[slot] =
        asked && !asked.has(slot) ? this.#elsewhere(only?.plugin ?? '') : this.#judge(evaluation, slot);
    }
  }

  /** How many nodes have each reason. */
  get reasons(): ReasonCounts {
    const counts = new Map<string, number>();
    for (const { count, verdict } of this.#groups())
      for (const reason of verdict.reasons) counts.set(reason, (counts.get(reason) ?? 0) + count);
    return counts;
  }

  get plugins(): Set<string> {
    return new Set(this.rejection ? [this.rejection.plugin] : this.#groups().map(({ verdict }) => verdict.plugin));
  }

  /** Nodes that could not take the pod even if other pods left. */
  get unresolvable(): number {
    if (this.rejection) return this.nodeCount;
    return this.#groups().reduce((sum, { count, verdict }) => sum + (verdict.isResolvable ? 0 : count), 0);
  }

  isResolvable(slot: number): boolean {
    return this.#verdicts[this.#codes[slot] ?? 0]?.isResolvable ?? false;
  }

  /** Whether the node had nothing against the pod. */
  isFeasible(slot: number): boolean {
    return this.#codes[slot] === 0;
  }

  /** Node by node, for `why`. */
  byNode(): Map<string, NodeVerdict> {
    const verdicts = new Map<string, NodeVerdict>();
    for (let i = 0; i < this.#snapshot.size; i++) {
      const slot = this.#snapshot.slots[i] as number;
      const info = this.#snapshot.node(slot);
      const verdict = this.rejection ?? this.#verdicts[this.#codes[slot] ?? 0];
      if (!info || !verdict || info.born > this.#born) continue;
      verdicts.set(info.name, { plugin: verdict.plugin, reasons: verdict.reasons });
    }
    return verdicts;
  }

  /** Asked for several times; the codes do not change any more. */
  #groups(): readonly Group[] {
    this.#counted ??= this.#count();
    return this.#counted;
  }

  #count(): Group[] {
    const counts = new Uint32Array(this.#verdicts.length);
    for (let i = 0; i < this.#codes.length; i++) {
      const code = this.#codes[i] as number;
      counts[code] = (counts[code] as number) + 1;
    }
    return this.#verdicts.flatMap((verdict, code) => (verdict ? { count: counts[code] as number, verdict } : []));
  }

  #elsewhere(plugin: string): number {
    const reasons = [`node(s) didn't satisfy plugin(s) [${plugin}]`];
    return this.#code('elsewhere', () => ({ plugin, reasons, isResolvable: false }));
  }

  #judge(evaluation: Evaluation, slot: number): number {
    const failed = evaluation.failedAt(slot);
    if (!failed) return 0;
    const { plugin, test } = failed;
    const verdict = () => ({
      plugin,
      reasons: test.reasons(slot),
      isResolvable: test.resolvable?.(slot) ?? false,
    });
    const index = evaluation.tests.indexOf(failed);
    // Many nodes of one kind: their reasons are not put into words each time.
    if (test.kind && index >= 0) return this.#code(index + evaluation.tests.length * test.kind(slot), verdict);
    const { reasons, isResolvable } = verdict();
    return this.#code(`${plugin}/${isResolvable}/${reasons.join('/')}`, verdict);
  }

  #code(key: string | number, verdict: () => Verdict): number {
    let code = this.#codeOf.get(key);
    if (code === undefined) {
      code = this.#verdicts.length;
      this.#codeOf.set(key, code);
      this.#verdicts.push(verdict());
    }
    return code;
  }
}
