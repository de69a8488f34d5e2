import { type FieldSet, FieldSetBuilder } from '../field-set.ts';
import { equalJson, isJsonObject, type JsonObject, ownMember } from '../json.ts';
import { keyStep, valueStep } from './path.ts';
import type { Shape } from './shape.ts';

/** What a write did, as sets of fields. `changed` has what was added or got another value. */
export interface Comparison {
  changed: FieldSet | undefined;
  removed: FieldSet | undefined;
}

/** Compares two objects of one shape. A member that is `undefined` is absent, one that is null is there. */
export function compare(shape: Shape, before: unknown, after: unknown): Comparison {
  const walk = new Walk();
  walk.compare(shape, before, after);
  return { changed: walk.changed.set, removed: walk.removed.set };
}

const isEmpty = (value: unknown): boolean => {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value as object) return false;
  return true;
};

const asObject = (value: unknown): JsonObject | undefined => (isJsonObject(value) ? value : undefined);
const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

class Walk {
  readonly changed = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();

  compare(shape: Shape, before: unknown, after: unknown): void {
    if (before === after) return;
    const leaf = this.#descend(shape, before, after);
    if (leaf && before !== undefined && after !== undefined) {
      if (!equalJson(before, after)) this.changed.add();
    } else if (before === undefined) this.changed.add();
    else if (after === undefined) this.removed.add();
  }

  /** Looks below. True: the value counts as a whole. */
  #descend(shape: Shape, before: unknown, after: unknown): boolean {
    if (shape.kind === 'leaf' || (isEmpty(before) && isEmpty(after))) return true;
    if (shape.kind === 'deduced' && !isJsonObject(before ?? after)) return true;
    if (isMixed(before, after)) return true;
    if (shape.kind === 'set') this.#set(asList(before), asList(after));
    else if (shape.kind === 'list') this.#list(shape, asList(before), asList(after));
    else this.#members(shape, asObject(before), asObject(after));
    return false;
  }

  #members(shape: Shape, before: JsonObject | undefined, after: JsonObject | undefined): void {
    for (const name in after) this.#member(shape, name, before && ownMember(before, name), after[name]);
    for (const name in before) {
      if (!after || ownMember(after, name) === undefined) this.#member(shape, name, before[name], undefined);
    }
  }

  #member(shape: Shape, name: string, before: unknown, after: unknown): void {
    if (before === after) return;
    if (shape.kind === 'struct') {
      const field = shape.fields.get(name);
      if (field) this.#at(field.step, field.shape, before, after);
      else if (shape.others) this.#at(`f:${name}`, shape.others, before, after);
    } else this.#at(`f:${name}`, shape.kind === 'map' ? shape.element : shape, before, after);
  }

  #at(step: string, shape: Shape, before: unknown, after: unknown): void {
    this.changed.enter(step);
    this.removed.enter(step);
    this.compare(shape, before, after);
    this.changed.leave();
    this.removed.leave();
  }

  #set(before: unknown[], after: unknown[]): void {
    const old = new Set(before.map(valueStep));
    const now = new Set(after.map(valueStep));
    for (const step of now) if (!old.has(step)) this.#at(step, { kind: 'leaf' }, undefined, true);
    for (const step of old) if (!now.has(step)) this.#at(step, { kind: 'leaf' }, true, undefined);
  }

  #list(shape: Shape & { kind: 'list' }, before: unknown[], after: unknown[]): void {
    const from = sameUpTo(before, after);
    if (from === before.length && from === after.length) return;
    const old = byStep(shape, before);
    const now = byStep(shape, after);
    for (const [step, items] of now) this.#items(step, shape, old.get(step) ?? [], items);
    for (const [step, items] of old) if (!now.has(step)) this.#items(step, shape, items, []);
  }

  /** Elements with the same keys are compared as a whole: none of them has a path of its own. */
  #items(step: string, shape: Shape & { kind: 'list' }, before: unknown[], after: unknown[]): void {
    if (before.length < 2 && after.length < 2) this.#at(step, shape.element, before[0], after[0]);
    else {
      this.#at(
        step,
        { kind: 'leaf' },
        before.length === 0 ? undefined : before,
        after.length === 0 ? undefined : after,
      );
    }
  }
}

/** An object became a list, say. */
const isMixed = (before: unknown, after: unknown): boolean => {
  if (before === undefined || before === null || after === undefined || after === null) return false;
  return Array.isArray(before) !== Array.isArray(after) || typeof before !== typeof after;
};

/** How many elements at the start are the same: most lists do not change at all. */
function sameUpTo(before: unknown[], after: unknown[]): number {
  let i = 0;
  while (i < before.length && i < after.length && equalJson(before[i], after[i])) i++;
  return i;
}

function byStep(shape: Shape & { kind: 'list' }, list: unknown[]): Map<string, unknown[]> {
  const steps = new Map<string, unknown[]>();
  for (const item of list) {
    const step = keyStep(shape.keys, item);
    const known = steps.get(step);
    if (known) known.push(item);
    else steps.set(step, [item]);
  }
  return steps;
}
