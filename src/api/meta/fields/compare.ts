import { type FieldSet, inOrder, isLeaf, leafSet } from '../field-set.ts';
import { equalJson, isJsonObject, type JsonObject, ownMember } from '../json.ts';
import { keyStep, valueStep } from './path.ts';
import type { FieldShape, Shape } from './shape.ts';

/** What a write did, as sets of fields. `changed` has what was added or got another value. */
export interface Comparison {
  changed: FieldSet | undefined;
  removed: FieldSet | undefined;
}

/**
 * Compares two objects of one shape. A member that is `undefined` is absent, one that is null is there. The root itself is
 * never a path.
 */
export function compare(shape: Shape, before: unknown, after: unknown): Comparison {
  const walk = new Walk();
  const changed = walk.compare(shape, before ?? {}, after ?? {});
  return { changed: changed && belowRoot(changed), removed: walk.removed && belowRoot(walk.removed) };
}

const belowRoot = (set: FieldSet): FieldSet | undefined => (isLeaf(set) ? undefined : set);

const isEmpty = (value: unknown): boolean => {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value as object) return false;
  return true;
};

const none: readonly unknown[] = [];
const asObject = (value: unknown): JsonObject | undefined => (isJsonObject(value) ? value : undefined);
const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : none);

const wholeItem: Shape = { kind: 'leaf' };
type ListShape = Shape & { kind: 'list' };

interface Sides<T> {
  before: T;
  after: T;
}

/** The step and shape of a member; undefined for one that nobody owns. */
function memberAt(shape: Shape, name: string): FieldShape | undefined {
  if (shape.kind === 'map') return { step: `f:${name}`, shape: shape.element };
  if (shape.kind !== 'struct') return { step: `f:${name}`, shape };
  return shape.fields.get(name) ?? (shape.others && { step: `f:${name}`, shape: shape.others });
}

/** Whether a value counts as one, with nothing below it. */
function isWhole(shape: Shape, before: unknown, after: unknown): boolean {
  if (shape.kind === 'leaf' || (isEmpty(before) && isEmpty(after))) return true;
  if (shape.kind === 'deduced' && !isJsonObject(before ?? after)) return true;
  return isMixed(before, after);
}

/**
 * One comparison. Every write goes through it, so the sets grow from the leaves up, in place, and what is the same object
 * on both sides is not entered.
 */
class Walk {
  /** What the last `compare` found to be removed: its second result. */
  removed: FieldSet | undefined;

  /** The paths at and below a value that were changed. */
  compare(shape: Shape, before: unknown, after: unknown): FieldSet | undefined {
    this.removed = undefined;
    if (before === after) return undefined;
    if (isWhole(shape, before, after)) {
      if (before === undefined) return leafSet;
      if (after === undefined) this.removed = leafSet;
      else if (!equalJson(before, after)) return leafSet;
      return undefined;
    }
    const below = new Below(before === undefined, after === undefined);
    if (shape.kind === 'set') this.#set(below, asList(before), asList(after));
    else if (shape.kind === 'list') this.#list(below, shape, { before: asList(before), after: asList(after) });
    else this.#members(below, shape, { before: asObject(before), after: asObject(after) });
    this.removed = below.removed && inOrder(below.removed);
    return below.changed && inOrder(below.changed);
  }

  #members(below: Below, shape: Shape, { before, after }: Sides<JsonObject | undefined>): void {
    for (const name in after) {
      const was = before && ownMember(before, name);
      const is = after[name];
      if (was === is) continue;
      const member = memberAt(shape, name);
      if (member) below.add(member.step, this.compare(member.shape, was, is), this.removed);
    }
    for (const name in before) {
      if (before[name] === undefined || (after && ownMember(after, name) !== undefined)) continue;
      const member = memberAt(shape, name);
      if (member) below.add(member.step, this.compare(member.shape, before[name], undefined), this.removed);
    }
  }

  #set(below: Below, before: readonly unknown[], after: readonly unknown[]): void {
    const old = new Set(before.map(valueStep));
    const now = new Set(after.map(valueStep));
    for (const step of now) if (!old.has(step)) below.add(step, leafSet, undefined);
    for (const step of old) if (!now.has(step)) below.add(step, undefined, leafSet);
  }

  #list(below: Below, shape: ListShape, { before, after }: Sides<readonly unknown[]>): void {
    const from = sameUpTo(before, after);
    if (from === before.length && from === after.length) return;
    const old = byStep(shape, before);
    const now = byStep(shape, after);
    for (const [step, items] of now) this.#items(below, step, shape, { before: old.get(step) ?? none, after: items });
    for (const [step, items] of old)
      if (!now.has(step)) this.#items(below, step, shape, { before: items, after: none });
  }

  /** Elements with the same keys are compared as a whole: none of them has a path of its own. */
  #items(below: Below, step: string, shape: ListShape, { before, after }: Sides<readonly unknown[]>): void {
    const changed =
      before.length < 2 && after.length < 2
        ? this.compare(shape.element, before[0], after[0])
        : this.compare(wholeItem, before.length ? before : undefined, after.length ? after : undefined);
    below.add(step, changed, this.removed);
  }
}

/** The two sets below one value while they grow; the value itself is in one of them where it is new, or gone. */
class Below {
  changed: FieldSet | undefined;
  removed: FieldSet | undefined;
  readonly #isNew: boolean;
  readonly #isGone: boolean;

  constructor(isNew: boolean, isGone: boolean) {
    this.#isNew = isNew;
    this.#isGone = isGone;
    if (isNew) this.changed = leafSet;
    if (isGone) this.removed = leafSet;
  }

  add(step: string, changed: FieldSet | undefined, removed: FieldSet | undefined): void {
    if (changed) {
      if (this.changed === undefined || this.changed === leafSet) this.changed = this.#isNew ? { '.': leafSet } : {};
      this.changed[step] = changed;
    }
    if (removed) {
      if (this.removed === undefined || this.removed === leafSet) this.removed = this.#isGone ? { '.': leafSet } : {};
      this.removed[step] = removed;
    }
  }
}

/** An object became a list, say. */
const isMixed = (before: unknown, after: unknown): boolean => {
  if (before === undefined || before === null || after === undefined || after === null) return false;
  return Array.isArray(before) !== Array.isArray(after) || typeof before !== typeof after;
};

/** How many elements at the start are the same: most lists do not change at all. */
function sameUpTo(before: readonly unknown[], after: readonly unknown[]): number {
  let i = 0;
  while (i < before.length && i < after.length && equalJson(before[i], after[i])) i++;
  return i;
}

function byStep(shape: ListShape, list: readonly unknown[]): Map<string, unknown[]> {
  const steps = new Map<string, unknown[]>();
  for (const item of list) {
    const step = keyStep(shape.keys, item);
    const known = steps.get(step);
    if (known) known.push(item);
    else steps.set(step, [item]);
  }
  return steps;
}
