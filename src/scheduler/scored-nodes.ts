import type { Rng } from '../base/rng.ts';
import { maxScore, type NodeScore, type ScoreSlot } from '../placement/scores/node-score.ts';
import type { Evaluation } from './evaluation.ts';
import type { WeightedScore } from './profile.ts';

interface Part {
  readonly score: NodeScore;
  readonly weight: number;
  readonly rate: ScoreSlot;
  raw: Float64Array;
}

/** As of an evaluation. */
type Request = Evaluation['request'];

/** Nodes that a pod can go to, with what each score thinks of them. */
export class ScoredNodes {
  readonly #slots: number[];
  /** By slot, where it is in `#slots`; -1: it is not. */
  #positions: Int32Array;
  readonly #scores: readonly WeightedScore[];
  /** What the node and the pod's spec decide. */
  readonly #locals: Part[];
  /** What other pods decide, too. */
  #others: Part[];
  /** Both. */
  #parts: readonly Part[];
  #totals: Float64Array;
  #scaled: Float64Array;
  #isStale = true;

  constructor(request: Request, scores: readonly WeightedScore[], feasible: number[]) {
    this.#slots = feasible;
    this.#positions = new Int32Array(feasible.reduce((most, slot) => Math.max(most, slot), 0) + 1).fill(-1);
    for (let i = 0; i < feasible.length; i++) this.#positions[feasible[i] as number] = i;
    this.#scores = scores;
    this.#locals = this.#partsOf(request, true);
    this.#others = this.#partsOf(request, false);
    this.#parts = [...this.#locals, ...this.#others];
    this.#totals = new Float64Array(feasible.length);
    this.#scaled = new Float64Array(feasible.length);
  }

  get size(): number {
    return this.#slots.length;
  }

  get slots(): readonly number[] {
    return this.#slots;
  }

  has(slot: number): boolean {
    return (this.#positions[slot] ?? -1) >= 0;
  }

  /** The slot's pods changed. */
  rescore(slot: number): void {
    const position = this.#positions[slot] as number;
    for (const { rate, raw } of this.#parts) raw[position] = rate(slot);
    this.#isStale = true;
  }

  /** For the next pod with an equal spec, when the slots are current: what other pods decide is asked again. */
  renew(request: Request): void {
    const before = this.#others;
    this.#others = this.#partsOf(request, false, before);
    const isSame = before.length === this.#others.length && this.#others.every((part, i) => part === before[i]);
    if (isSame) return;
    this.#parts = [...this.#locals, ...this.#others];
    this.#isStale = true;
  }

  add(slot: number): void {
    const position = this.#slots.push(slot) - 1;
    if (slot >= this.#positions.length) this.#reach(slot);
    this.#positions[slot] = position;
    if (position >= this.#totals.length) this.#grow();
    this.rescore(slot);
  }

  remove(slot: number): void {
    const position = this.#positions[slot] as number;
    const last = this.#slots.pop() as number;
    this.#positions[slot] = -1;
    this.#isStale = true;
    if (last === slot) return;
    this.#slots[position] = last;
    this.#positions[last] = position;
    for (const { raw } of this.#parts) raw[position] = raw[this.#slots.length] as number;
  }

  /** The slot with the highest total; among equals each is as likely. Draws once, and only when there is a choice. */
  best(rng: Rng): number {
    if (this.#isStale) this.#add();
    const totals = this.#totals;
    const count = this.#slots.length;
    let highest = Number.NEGATIVE_INFINITY;
    let ties = 0;
    for (let i = 0; i < count; i++) {
      const total = totals[i] as number;
      if (total > highest) {
        highest = total;
        ties = 1;
      } else if (total === highest) ties++;
    }
    let skip = ties > 1 ? Math.floor(rng.next() * ties) : 0;
    for (let i = 0; i < count; i++) if (totals[i] === highest && skip-- === 0) return this.#slots[i] as number;
    return this.#slots[0] as number;
  }

  /** What the best slot has; for tests and `why`. */
  totalOf(slot: number): number {
    if (this.#isStale) this.#add();
    return this.#totals[this.#positions[slot] as number] as number;
  }

  #add(): void {
    const count = this.#slots.length;
    const totals = this.#totals;
    totals.fill(0);
    for (const { score, weight, raw } of this.#parts) {
      const values = score.normalize ? this.#normalized(score, raw) : raw;
      for (let i = 0; i < count; i++) totals[i] = (totals[i] as number) + weight * (values[i] as number);
    }
    this.#isStale = false;
  }

  /** `known`: where the question is the same, so are the answers that were kept current. */
  #partsOf(request: Request, local: boolean, known: readonly Part[] = []): Part[] {
    const slots = this.#slots;
    const parts: Part[] = [];
    for (const { score, weight } of this.#scores) {
      const rate = (score.local ?? false) === local ? score.prepare(request, slots) : undefined;
      if (!rate) continue;
      const same = known.find((part) => part.rate === rate);
      if (same) {
        parts.push(same);
        continue;
      }
      const raw = new Float64Array(slots.length);
      for (let i = 0; i < slots.length; i++) raw[i] = rate(slots[i] as number);
      parts.push({ score, weight, rate, raw });
    }
    return parts;
  }

  #normalized({ normalize }: NodeScore, raw: Float64Array): Float64Array {
    const values = this.#scaled.subarray(0, this.#slots.length);
    values.set(raw.subarray(0, this.#slots.length));
    if (typeof normalize === 'function') normalize(values);
    else if (normalize) scale(values, normalize);
    return values;
  }

  #reach(slot: number): void {
    const positions = new Int32Array(slot * 2 + 1).fill(-1);
    positions.set(this.#positions);
    this.#positions = positions;
  }

  #grow(): void {
    const longer = (old: Float64Array) => {
      const next = new Float64Array(old.length * 2 + 8);
      next.set(old);
      return next;
    };
    this.#totals = longer(this.#totals);
    this.#scaled = longer(this.#scaled);
    for (const part of this.#parts) part.raw = longer(part.raw);
  }
}

/** Scales in place so that the highest count becomes 100 or, where fewer is better, 0. Whole numbers, as upstream. */
function scale(raw: Float64Array, how: 'higher' | 'lower'): void {
  let highest = 0;
  for (let i = 0; i < raw.length; i++) highest = Math.max(highest, raw[i] as number);
  for (let i = 0; i < raw.length; i++) {
    const share = highest === 0 ? 0 : Math.trunc(((raw[i] as number) * maxScore) / highest);
    raw[i] = how === 'lower' ? maxScore - share : share;
  }
}
