import type { KubeObject } from '../resource.ts';
import { applyConflict, type Conflict } from './apply-conflict.ts';
import { difference, differenceBelow, type FieldSet, intersection, sameSet, setOfFields, union } from './field-set.ts';
import { compare } from './fields/compare.ts';
import { fieldsOf } from './fields/members.ts';
import { mergeConfig } from './fields/merge.ts';
import type { FieldModel } from './fields/model.ts';
import { entriesOf, isSame, type Owner, ownersOf } from './fields/owners.ts';
import { pruneFields, removeFields } from './fields/remove.ts';
import type { Shape } from './fields/shape.ts';
import { agreedFields, withLastApplied } from './last-applied.ts';
import { type Changes, changesOf, losing, owned, reconciled, updateManagers } from './managed-fields.ts';
import { equalJson } from './json.ts';
import { badRequest } from './status-error.ts';

/** A server-side apply. */
export interface ApplyRequest {
  /** What is stored; undefined: the apply creates. */
  live: KubeObject | undefined;
  /** What the applier wants, as it was sent. */
  config: KubeObject;
  manager: string;
  /** Take over what others own. */
  force: boolean;
  subresource: string;
  /** When: RFC 3339 in seconds. */
  time: string;
  /** Fields that this request cannot change. */
  reset: readonly string[];
}

/** Owners that did not track what they did before the first apply are this one. */
const beforeFirstApply = 'before-first-apply';
/** The manager whose applies go on from client-side ones. */
const kubectl = 'kubectl';

/**
 * Server-side apply (KEP-555): the live object with the configuration laid over it, without what this applier no longer
 * applies and nobody else owns, and with `metadata.managedFields` to that effect. Nothing that is passed in is changed.
 * Throws Conflict where somebody else owns what would change (unless forced), BadRequest for a configuration of another
 * version or with managed fields of its own, and a 500 in Kubernetes' words for one that does not fit the schema.
 */
export function applyPatch(model: FieldModel, request: ApplyRequest): object {
  const { shape } = model;
  model.check(request.config);
  checkMetadata(model, request);
  const live = request.live ?? (model.empty() as KubeObject);
  const reset = setOfFields(request.reset);
  const { metadata } = request.config;
  const config = metadata?.managedFields
    ? { ...request.config, metadata: { ...metadata, managedFields: undefined } }
    : request.config;
  const others = ownersBefore(model, request);
  const wanted = differenceBelow(fieldsOf(shape, config), reset);
  const applier: Owner = { ...identity(request), set: owned(wanted) };
  const last = others.find((owner) => isSame(owner, applier));
  const apart = others.filter((owner) => owner !== last);
  const laid = mergeConfig(shape, live, config) as object;
  // The name counts here: or nothing of metadata would be left when the last label goes.
  const claimed = apart.reduce((sum, owner) => union(sum, inOwnWords(model, owner, laid)), wanted);
  const merged = pruneFields(shape, laid, { last: last && inOwnWords(model, last, laid), owned: claimed });
  const changes = changesOf(model, { before: live, after: merged as object, reset });
  const change = changes(applier.apiVersion);
  refuseConflicts({ shape, request, live }, conflictsOf(apart, changes));
  const rest = apart.map((owner) => ({ ...owner, set: owned(losing(owner.set, changes(owner.apiVersion), false)) }));
  const same = last && sameSet(last.set, applier.set) && last.apiVersion === applier.apiVersion;
  const mine = same && !change.changed && !change.removed ? last : applier;
  return withEntries(request, merged as KubeObject, [...rest, mine]);
}

function checkMetadata({ apiVersion: expected }: FieldModel, { config }: ApplyRequest): void {
  if (expected !== undefined && config.apiVersion !== expected) {
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${config.apiVersion ?? ''}, expected: ${expected}`,
    );
  }
  if (config.metadata?.managedFields?.length) throw badRequest('metadata.managedFields must be nil');
}

const identity = (request: ApplyRequest): Omit<Owner, 'set'> => ({
  manager: request.manager,
  operation: 'Apply',
  apiVersion: request.config.apiVersion ?? '',
  subresource: request.subresource,
  time: request.time,
});

/** The stored owners; where there are none, everything set so far gets one. */
function ownersBefore(model: FieldModel, request: ApplyRequest): Owner[] {
  const { live, subresource, time, reset, config } = request;
  if (!live) return [];
  const stored = reconciled(model, ownersOf(live.metadata.managedFields));
  if (stored.length > 0) return stored;
  const apiVersion = config.apiVersion ?? '';
  const object = { ...live, metadata: { ...live.metadata, managedFields: undefined } };
  const update = { old: undefined, object, manager: beforeFirstApply, apiVersion, subresource, time, reset };
  return ownersOf(updateManagers(model, update)) ?? [];
}

/** What an owner of another version owns, in the words of this one: what is no longer the same without it. */
function inOwnWords(model: FieldModel, { apiVersion, set }: Owner, object: object): FieldSet | undefined {
  const other = set && model.inVersion?.(apiVersion);
  if (!other) return set;
  const rest = removeFields(other.shape, other.to(object), membersOf(set)) as object;
  const { changed, removed } = compare(model.shape, other.from(other.to(object)), other.from(rest));
  return owned(union(changed, removed));
}

/** A set without the maps themselves in which something is owned: what others have put there is not meant. */
const membersOf = (set: FieldSet, isItem = false): FieldSet =>
  Object.fromEntries(
    Object.entries(set)
      .filter(([step], _i, all) => isItem || step !== '.' || all.length === 1)
      .map(([step, below]) => [step, membersOf(below, !step.startsWith('f:'))]),
  );

function conflictsOf(owners: Owner[], changes: Changes): Conflict[] {
  return owners.flatMap((owner) => {
    const set = intersection(owner.set, changes(owner.apiVersion).changed);
    return set ? [{ owner, set }] : [];
  });
}

/** `kubectl` may change what its client-side apply has set and nobody changed since. */
function refuseConflicts(at: { shape: Shape; request: ApplyRequest; live: KubeObject }, conflicts: Conflict[]): void {
  const { request, live, shape } = at;
  if (request.force || conflicts.length === 0) return;
  const agreed: FieldSet | undefined =
    request.manager === kubectl ? agreedFields(shape, live, request.config.apiVersion ?? '') : undefined;
  const left = conflicts.flatMap(({ owner, set }) => {
    const kept = difference(set, agreed);
    return kept ? [{ owner, set: kept }] : [];
  });
  if (left.length > 0) throw applyConflict(left);
}

function withEntries(request: ApplyRequest, merged: KubeObject, owners: Owner[]): KubeObject {
  const stored = request.live?.metadata.managedFields;
  const { managedFields: _, ...rest } = merged.metadata;
  const entries = entriesOf(owners, stored);
  const metadata = request.manager === kubectl ? withLastApplied(rest, request.config) : rest;
  const managedFields = equalJson(entries, stored) ? stored : entries;
  return { ...merged, metadata: managedFields ? { ...metadata, managedFields } : metadata } as KubeObject;
}
