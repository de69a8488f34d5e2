import { parseJson } from '../../base/lossless-json.ts';

/**
 * A set of field paths in its stored form (FieldsV1, KEP-555), used as it is: no parsing, unchanged parts are shared.
 * A key is one step of a path (`f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`); a node without keys is a path of the set,
 * as is one that has the key `.` besides others. The set without paths is `undefined`. Sets are never changed in place,
 * and all functions here keep Kubernetes' order of steps.
 */
export interface FieldSet {
  [step: string]: FieldSet;
}

/** One path, nothing below it. */
export const leafSet: FieldSet = Object.freeze({});
const self = '.';

const hasChildren = (node: FieldSet): boolean => {
  for (const step in node) if (step !== self) return true;
  return false;
};

export const isLeaf = (node: FieldSet): boolean => {
  for (const _ in node) return false;
  return true;
};

/** Whether the path that ends at this node is in the set. */
export const isMember = (node: FieldSet): boolean => node[self] !== undefined || isLeaf(node);

/** Whether two sets have the same paths. */
export function sameSet(a: FieldSet | undefined, b: FieldSet | undefined): boolean {
  if (a === b) return true;
  if (!a || !b || isMember(a) !== isMember(b)) return false;
  for (const step in a) if (step !== self && !sameSet(a[step], b[step])) return false;
  for (const step in b) if (step !== self && !a[step]) return false;
  return true;
}

/** The paths of either set; `a` itself where `b` adds nothing. */
export function union(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (!a || !b) return a ?? b;
  return joined(a, b);
}

function joined(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isLeaf(b)) return withSelf(a, isLeaf(b));
  let result = withSelf(a, isMember(b));
  let added = false;
  for (const step in b) {
    if (step === self) continue;
    const mine = a[step];
    const child = mine ? joined(mine, b[step] as FieldSet) : (b[step] as FieldSet);
    if (child === mine) continue;
    // A leaf that gets children stays in the set.
    if (result === a) result = isLeaf(a) ? { [self]: leafSet } : { ...a };
    result[step] = child;
    if (!mine) added = true;
  }
  return added ? inOrder(result) : result;
}

const withSelf = (node: FieldSet, member: boolean): FieldSet =>
  member && !isMember(node) ? { [self]: leafSet, ...node } : node;

/** The paths of `a` that are not in `b`; `a` itself where nothing goes. What is below a path of `b` stays. */
export function difference(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (!a || !b || isLeaf(a)) return a && b && isMember(b) ? undefined : a;
  const member = isMember(a) && !isMember(b);
  return without(a, member, (child, step) => (b[step] ? difference(child, b[step]) : child));
}

/** The paths of `a` that are neither in `b` nor below a path of `b`. */
export function differenceBelow(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (!a || !b) return a;
  if (isMember(b)) return undefined;
  if (isLeaf(a)) return a;
  return without(a, isMember(a), (child, step) => (b[step] ? differenceBelow(child, b[step]) : child));
}

/** The paths that are in both sets. */
export function intersection(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (!a || !b) return undefined;
  if (isLeaf(a)) return isMember(b) ? leafSet : undefined;
  const member = isMember(a) && isMember(b);
  return without(a, member, (child, step) => intersection(child, b[step]));
}

/** A node with mapped children, of which `undefined` ones go. Most nodes stay as they are: nothing is built for those. */
function without(
  node: FieldSet,
  member: boolean,
  map: (child: FieldSet, step: string) => FieldSet | undefined,
): FieldSet | undefined {
  let result = member === isMember(node) ? undefined : upTo(node, member, self);
  let size = 0;
  for (const step in node) {
    if (step === self) continue;
    const child = map(node[step] as FieldSet, step);
    if (child) size++;
    if (result === undefined && child === node[step]) continue;
    result ??= upTo(node, member, step);
    if (child) result[step] = child;
  }
  if (result === undefined) return node;
  if (size > 0) return result;
  return member ? leafSet : undefined;
}

/** A copy of a node's children before `end`; none for the node itself. */
function upTo(node: FieldSet, member: boolean, end: string): FieldSet {
  const result: FieldSet = member ? { [self]: leafSet } : {};
  if (end === self) return result;
  for (const step in node) {
    if (step === end) break;
    if (step !== self) result[step] = node[step] as FieldSet;
  }
  return result;
}

/** Collects paths. The root itself is never a path. */
export class FieldSetBuilder {
  #root: FieldSet | undefined;
  readonly #path: string[] = [];

  /** What was collected, in order. Ask once, at the end. */
  get set(): FieldSet | undefined {
    return this.#root && canonical(this.#root);
  }

  enter(step: string): void {
    this.#path.push(step);
  }

  leave(): void {
    this.#path.pop();
  }

  /** Adds the path that was entered. */
  add(): void {
    if (this.#path.length > 0) this.#root = this.#insert(this.#root, 0);
  }

  /** The nodes are the builder's own until it hands them out, so they are filled in place. */
  #insert(node: FieldSet | undefined, depth: number): FieldSet {
    if (depth === this.#path.length) {
      if (!node) return {};
      if (hasChildren(node)) node[self] = leafSet;
      return node;
    }
    const step = this.#path[depth] as string;
    const at = node ?? {};
    if (node && isLeaf(node)) at[self] = leafSet;
    at[step] = this.#insert(at[step], depth + 1);
    return at;
  }
}

/** The set with steps in Kubernetes' order: `.` first, then fields, keys and values by what they say. */
export function canonical(node: FieldSet): FieldSet {
  let result = node;
  for (const step in node) {
    const child = canonical(node[step] as FieldSet);
    if (child === node[step]) continue;
    if (result === node) result = { ...node };
    result[step] = child;
  }
  return inOrder(result);
}

/** The node itself where its steps are in order, else a copy. What is below is taken as it is. */
export function inOrder(node: FieldSet): FieldSet {
  let last: string | undefined;
  let sorted = true;
  for (const step in node) {
    if (last !== undefined && compareSteps(last, step) > 0) {
      sorted = false;
      break;
    }
    last = step;
  }
  if (sorted) return node;
  const result: FieldSet = {};
  for (const step of Object.keys(node).sort(compareSteps)) result[step] = node[step] as FieldSet;
  return result;
}

const kinds = ['.', 'f', 'k', 'v', 'i'];

export function compareSteps(a: string, b: string): number {
  const kind = a.charAt(0);
  const other = b.charAt(0);
  if (kind !== other) return kinds.indexOf(kind) - kinds.indexOf(other);
  if (kind === 'f' || kind === '.' || a === b) return a < b ? -1 : a > b ? 1 : 0;
  const order = compareTexts(a, b);
  if (order !== undefined) return order;
  return compareValues(parseJson(a.slice(2)), parseJson(b.slice(2)));
}

/** Most elements of a list have one key with a plain text, the same for all: those need not be parsed. */
const oneText = /^(k:\{"\w+":"|v:")([\w./-]+)"\}?$/;

function compareTexts(a: string, b: string): number | undefined {
  const left = oneText.exec(a);
  const right = left && oneText.exec(b);
  if (left?.[1] === undefined || left[1] !== right?.[1]) return undefined;
  const [, , mine = ''] = left;
  const [, , other = ''] = right;
  return mine < other ? -1 : mine > other ? 1 : 0;
}

const valueKinds = ['number', 'bigint', 'string', 'boolean', 'object'];

function compareValues(a: unknown, b: unknown): number {
  if (typeof a !== typeof b) return valueKinds.indexOf(typeof a) - valueKinds.indexOf(typeof b);
  if (typeof a !== 'object' || a === null || b === null) {
    return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
  }
  const left = Object.entries(a);
  const right = Object.entries(b as object);
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [name, value] = left[i] as [string, unknown];
    const [otherName, other] = right[i] as [string, unknown];
    if (name !== otherName) return name < otherName ? -1 : 1;
    const order = compareValues(value, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** The set of dotted paths of plain fields: `metadata.labels`. */
export function setOfFields(paths: readonly string[]): FieldSet | undefined {
  const builder = new FieldSetBuilder();
  for (const path of paths) {
    const steps = path.split('.');
    for (const step of steps) builder.enter(`f:${step}`);
    builder.add();
    for (const _ of steps) builder.leave();
  }
  return builder.set;
}
