import type { ManagedFieldsEntry } from '../generated/types.ts';
import type { KubeObject } from '../resource.ts';
import { compare, type Comparison } from './fields/compare.ts';
import { difference, differenceBelow, type FieldSet, intersection, setOfFields, union } from './field-set.ts';
import { entriesOf, isSame, type Owner, ownersOf, sentEntries } from './fields/owners.ts';
import { atSchema } from './fields/members.ts';
import { equalJson } from './json.ts';
import type { FieldModel } from './fields/model.ts';
import type { Shape } from './fields/shape.ts';

/** A write other than apply. */
export interface ManagedUpdate {
  /** What was stored; undefined on create. */
  old: KubeObject | undefined;
  /** What will be stored. */
  object: KubeObject;
  manager: string;
  apiVersion: string;
  subresource: string;
  /** When: RFC 3339 in seconds. */
  time: string;
  /** Fields that this write cannot change: `status`, `metadata.labels`. */
  reset: readonly string[];
}

/** What the server itself keeps: nobody owns it. */
const serverFields: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    'f:name': {},
    'f:namespace': {},
    'f:creationTimestamp': {},
    'f:deletionTimestamp': {},
    'f:deletionGracePeriodSeconds': {},
    'f:selfLink': {},
    'f:uid': {},
    'f:generation': {},
    'f:managedFields': {},
    'f:resourceVersion': {},
  },
};

/** A set without the fields that the server keeps. */
export const owned = (set: FieldSet | undefined): FieldSet | undefined => difference(set, serverFields);

/**
 * Who owns which field after a create or update (KEP-555): what this write added or changed becomes the writer's,
 * everybody loses what it removed, and the others what it changed. An object whose ownership is not tracked (an earlier
 * writer cleared it with one empty entry) stays so. A write that changes nothing returns the entries as they were.
 */
export function updateManagers(model: FieldModel, update: ManagedUpdate): ManagedFieldsEntry[] | undefined {
  const { old, object } = update;
  const stored = startingEntries(update);
  if (old && !stored?.length) return undefined;
  const before = old ?? model.empty();
  const changes = changesOf(model, { before, after: object, reset: resetSet(update.reset) });
  const owners = afterUpdate(reconciled(model, ownersOf(stored)), update, changes);
  return owners ? entriesOf(owners, stored) : (stored as ManagedFieldsEntry[] | undefined);
}

/** A change seen without the fields that a write cannot touch. */
export function without(change: Comparison, reset: FieldSet | undefined): Comparison {
  if (!reset) return change;
  return { changed: differenceBelow(change.changed, reset), removed: differenceBelow(change.removed, reset) };
}

/**
 * The entries to start from: the client's, if it sent valid ones to the object itself, else the stored ones. One empty
 * entry clears; an empty list does not, so that no client clears that does not know of managed fields.
 */
function startingEntries({ old, object, subresource }: ManagedUpdate): ManagedFieldsEntry[] | undefined {
  const stored = old?.metadata.managedFields;
  const sent = object.metadata.managedFields;
  // Most writers send back what they have read: it stays the same object, and what is known of it holds.
  if (subresource || !sent?.length || equalJson(sent, stored)) return stored;
  if (sent.length === 1 && isEmptyEntry(sent[0] as ManagedFieldsEntry)) return undefined;
  return sentEntries(sent) ?? stored;
}

/** What a write changed, in the words of a version: owners of another version own fields of that. */
export type Changes = (apiVersion: string) => Comparison;

export function changesOf(
  model: FieldModel,
  { before, after, reset }: { before: object; after: object; reset: FieldSet | undefined },
): Changes {
  const own = without(compare(model.shape, before, after), reset);
  const known = new Map<string, Comparison>();
  return (apiVersion) => {
    const found = known.get(apiVersion);
    if (found) return found;
    const other = model.inVersion?.(apiVersion);
    const change = other ? without(compare(other.shape, other.to(before), other.to(after)), reset) : own;
    known.set(apiVersion, change);
    return change;
  };
}

/** Sets that were found to be as the schema is: objects share them from one version to the next. */
const current = new WeakMap<Shape, WeakSet<FieldSet>>();

function atCurrent(shape: Shape, set: FieldSet): FieldSet {
  const known = current.get(shape) ?? new WeakSet();
  current.set(shape, known);
  if (known.has(set)) return set;
  const now = atSchema(shape, set) as FieldSet;
  if (now === set) known.add(set);
  return now;
}

/** Stored owners with their sets as the schema of their version is now. */
export const reconciled = (model: FieldModel, owners: Owner[] | undefined): Owner[] =>
  (owners ?? []).map((owner) => {
    if (!owner.set) return owner;
    const set = atCurrent(model.inVersion?.(owner.apiVersion)?.shape ?? model.shape, owner.set);
    return set === owner.set ? owner : { ...owner, set };
  });

const isEmptyEntry = (entry: ManagedFieldsEntry): boolean =>
  Object.values(entry).every((value) => value === undefined || value === null || value === '');

const resetSets = new WeakMap<readonly string[], FieldSet>();

/** The set of a kind's reset fields: its list is the same one in every write. */
function resetSet(paths: readonly string[]): FieldSet | undefined {
  if (paths.length === 0) return undefined;
  let set = resetSets.get(paths);
  if (!set) {
    set = setOfFields(paths) as FieldSet;
    resetSets.set(paths, set);
  }
  return set;
}

/** The owners after a write; undefined where none of them changed. */
function afterUpdate(owners: Owner[], update: ManagedUpdate, changes: Changes): Owner[] | undefined {
  const change = changes(update.apiVersion);
  const taken = owned(change.changed);
  if (!change.changed && !change.removed) return undefined;
  const writer = writerOf(update, taken);
  let changed = false;
  const after = owners.map((owner) => {
    const own = isSame(owner, writer);
    const set = owned(losing(own ? union(owner.set, taken) : owner.set, changes(owner.apiVersion), own));
    const touched = own && taken !== undefined;
    if (set === owner.set && !touched) return owner;
    changed = true;
    return { ...owner, set, time: touched ? update.time : owner.time };
  });
  if (taken && !owners.some((owner) => isSame(owner, writer))) return [...after, writer];
  return changed ? after : undefined;
}

const writerOf = (update: ManagedUpdate, set: FieldSet | undefined): Owner => ({
  manager: update.manager || 'unknown',
  operation: 'Update',
  apiVersion: update.apiVersion,
  subresource: update.subresource,
  time: update.time,
  set,
});

/** What is left to an owner after a change by itself or by another. */
export function losing(set: FieldSet | undefined, change: Comparison, own: boolean): FieldSet | undefined {
  const kept = difference(set, change.removed);
  return own || !intersection(kept, change.changed) ? kept : difference(kept, change.changed);
}
