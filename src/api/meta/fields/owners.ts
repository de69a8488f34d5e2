import type { ManagedFieldsEntry } from '../../generated/types.ts';
import { canonical, type FieldSet, union } from '../field-set.ts';

/** Who owns what through which kind of write: one entry of `metadata.managedFields`. */
export interface Owner {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: string;
  time?: string | undefined;
  set: FieldSet | undefined;
}

/** How many entries of the operation Update an object keeps; the oldest are merged. */
const maxUpdaters = 10;
const mergedUpdaters = 'ancient-changes';

/** Entries are one owner's when these are the same; an applier stays the same in another version. */
export const isSame = (a: Owner, b: Owner): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion);

const fieldsOf = (entry: ManagedFieldsEntry): FieldSet | undefined => {
  for (const _ in entry.fieldsV1) return entry.fieldsV1 as FieldSet;
  return undefined;
};

const isValid = (entry: ManagedFieldsEntry): boolean =>
  (entry.operation === 'Apply' || entry.operation === 'Update') &&
  !!entry.apiVersion &&
  entry.fieldsType === 'FieldsV1';

/** Entries that a client sent, their sets in order; undefined where one is not valid. */
export function sentEntries(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] | undefined {
  if (!entries.every(isValid)) return undefined;
  return entries.map((entry) => {
    const fieldsV1 = canonical((entry.fieldsV1 ?? {}) as FieldSet);
    return fieldsV1 === entry.fieldsV1 ? entry : { ...entry, fieldsV1 };
  });
}

/** The owners that entries speak of; none of them where one is not valid. */
export function ownersOf(entries: readonly ManagedFieldsEntry[] | undefined): Owner[] | undefined {
  if (!entries?.every(isValid)) return undefined;
  return entries.map((entry) => ({
    manager: entry.manager ?? '',
    operation: entry.operation as Owner['operation'],
    apiVersion: entry.apiVersion ?? '',
    subresource: entry.subresource ?? '',
    time: entry.time,
    set: fieldsOf(entry),
  }));
}

/** The entries of owners in their order; entries in `stored` that did not change are taken as they are. */
export function entriesOf(
  owners: readonly Owner[],
  stored: readonly ManagedFieldsEntry[] | undefined,
): ManagedFieldsEntry[] | undefined {
  // Of one owner, as in every create, nothing is to be merged or sorted.
  const kept = owners.length === 1 && owners[0]?.set ? owners : sorted(owners);
  if (kept.length === 0) return undefined;
  return kept.map((owner) => stored?.find((entry) => saysThat(entry, owner)) ?? entryOf(owner));
}

const sorted = (owners: readonly Owner[]): Owner[] => capped(owners.filter((owner) => owner.set)).sort(compareOwners);

const saysThat = (entry: ManagedFieldsEntry, owner: Owner): boolean =>
  entry.fieldsV1 === owner.set &&
  entry.time === owner.time &&
  (entry.manager ?? '') === owner.manager &&
  entry.apiVersion === owner.apiVersion;

function entryOf(owner: Owner): ManagedFieldsEntry {
  const { manager, operation, apiVersion, time, subresource } = owner;
  const fieldsV1 = owner.set as FieldSet;
  // Nearly all have both; spreads would cost ten times as much, in every write.
  const entry: ManagedFieldsEntry =
    manager && time
      ? { manager, operation, apiVersion, time, fieldsType: 'FieldsV1', fieldsV1 }
      : {
          ...(manager ? { manager } : {}),
          operation,
          apiVersion,
          ...(time ? { time } : {}),
          fieldsType: 'FieldsV1',
          fieldsV1,
        };
  if (subresource) entry.subresource = subresource;
  return entry;
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Appliers first, then by time, manager, version, subresource. */
function compareOwners(a: Owner, b: Owner): number {
  return (
    compareText(a.operation, b.operation) ||
    compareText(a.time ?? '', b.time ?? '') ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** Merges the oldest updaters of a version until no more than the limit are left. */
function capped(owners: Owner[]): Owner[] {
  const updaters = owners.filter((owner) => owner.operation === 'Update');
  let excess = updaters.length - maxUpdaters;
  if (excess <= 0) return owners;
  const kept = new Set(owners);
  const oldest = new Map<string, Owner>();
  for (const owner of updaters.sort(compareOwners)) {
    if (excess <= 0) break;
    const first = oldest.get(owner.apiVersion);
    if (!first) {
      oldest.set(owner.apiVersion, owner);
      continue;
    }
    const bucket: Owner = {
      ...first,
      manager: mergedUpdaters,
      subresource: '',
      time: owner.time,
      set: union(first.set, owner.set),
    };
    kept.delete(first);
    kept.delete(owner);
    kept.add(bucket);
    oldest.set(owner.apiVersion, bucket);
    excess--;
  }
  return [...kept];
}
