import { type FieldSet, inOrder, isLeaf, leafSet } from '../field-set.ts';
import { equalJson, isJsonObject, type JsonObject, ownMember } from '../json.ts';
import { keyStep, valueStep } from './path.ts';
import type { Shape } from './shape.ts';

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

  #members(
    below: Below,
    shape: Shape,
    { before, after }: { before: JsonObject | undefined; after: JsonObject | undefined },
  ): void {
    for (const name in after) this.#member(below, shape, name, before && ownMember(before, name), after[name]);
    for (const name in before) {
      if (!after || ownMember(after, name) === undefined) this.#member(below, shape, name, before[name], undefined);
    }
  }

  // biome-ignore lint/complexity/useMaxParams: asked for every member of every write
  #member(below: Below, shape: Shape, name: string, before: unknown, after: unknown): void {
    if (before === after) return;
    if (shape.kind === 'struct') {
      const field = shape.fields.get(name);
      if (field) this.#at(below, field.step, field.shape, before, after);
      else if (shape.others) this.#at(below, `f:${name}`, shape.others, before, after);
    } else this.#at(below, `f:${name}`, shape.kind === 'map' ? shape.element : shape, before, after);
  }

  // biome-ignore lint/complexity/useMaxParams: as above
  #at(below: Below, step: string, shape: Shape, before: unknown, after: unknown): void {
    const changed = this.compare(shape, before, after);
    if (changed) below.addChanged(step, changed);
    if (this.removed) below.addRemoved(step, this.removed);
  }

  #set(below: Below, before: readonly unknown[], after: readonly unknown[]): void {
    const old = new Set(before.map(valueStep));
    const now = new Set(after.map(valueStep));
    for (const step of now) if (!old.has(step)) below.addChanged(step, leafSet);
    for (const step of old) if (!now.has(step)) below.addRemoved(step, leafSet);
  }

  #list(
    below: Below,
    shape: Shape & { kind: 'list' },
    { before, after }: { before: readonly unknown[]; after: readonly unknown[] },
  ): void {
    const from = sameUpTo(before, after);
    if (from === before.length && from === after.length) return;
    const old = byStep(shape, before);
    const now = byStep(shape, after);
    for (const [step, items] of now) this.#items(below, step, shape, { before: old.get(step) ?? none, after: items });
    for (const [step, items] of old)
      if (!now.has(step)) this.#items(below, step, shape, { before: items, after: none });
  }

  /** Elements with the same keys are compared as a whole: none of them has a path of its own. */
  #items(
    below: Below,
    step: string,
    shape: Shape & { kind: 'list' },
    { before, after }: { before: readonly unknown[]; after: readonly unknown[] },
  ): void {
    if (before.length < 2 && after.length < 2) this.#at(below, step, shape.element, before[0], after[0]);
    else this.#at(below, step, wholeItem, before.length ? before : undefined, after.length ? after : undefined);
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

  addChanged(step: string, set: FieldSet): void {
    if (this.changed === undefined || this.changed === leafSet) this.changed = this.#isNew ? { '.': leafSet } : {};
    this.changed[step] = set;
  }

  addRemoved(step: string, set: FieldSet): void {
    if (this.removed === undefined || this.removed === leafSet) this.removed = this.#isGone ? { '.': leafSet } : {};
    this.removed[step] = set;
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

function byStep(shape: Shape & { kind: 'list' }, list: readonly unknown[]): Map<string, unknown[]> {
  const steps = new Map<string, unknown[]>();
  for (const item of list) {
    const step = keyStep(shape.keys, item);
    const known = steps.get(step);
    if (known) known.push(item);
    else steps.set(step, [item]);
  }
  return steps;
}
