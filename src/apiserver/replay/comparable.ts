import type { FieldSet } from '../../api/meta/field-set.ts';

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An answer without what only the place of the recording explains: what controllers had written, the volume with the
 * token, the members that releases after 1.20 have added or left out. The same is taken from both sides.
 */
export function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !ofOthers(item)).map(comparable);
  if (!isObject(value)) return value;
  if (value.kind === 'Status' && value.reason === 'Invalid') return comparableRefusal(value);
  const out: Json = {};
  for (const [name, member] of Object.entries(
    isObject(value.metadata) && generationsSince.has(String(value.kind)) ? ungenerated(value) : value,
  )) {
    const kept = keptMember(name, member);
    if (kept !== undefined) out[name] = kept;
  }
  return out;
}

/** Kinds whose generation nobody counted in 1.20. */
const generationsSince = new Set(['Pod', 'PodTemplate', 'Job', 'CronJob']);

function ungenerated(object: Json): Json {
  const { generation: _, ...metadata } = object.metadata as Json;
  return { ...object, metadata };
}

/** Causes are compared as a set: their order is that of Kubernetes' source. The message repeats them. */
function comparableRefusal({ message, details, ...status }: Json): Json {
  const { causes = [], ...rest } = (details ?? {}) as { causes?: Json[] };
  const texts = causes.map(({ reason, field, message: text }) => `${reason} ${field}: ${text}`);
  const beginning = String(message).split(' is invalid: ')[0];
  return { ...status, message: beginning, details: { ...rest, causes: texts.sort() } };
}

/** Lists and maps that are gone when nothing of them is the client's. */
const mayVanish = new Set(['volumes', 'volumeMounts', 'annotations', 'labels', 'conditions', 'managedFields']);

function keptMember(name: string, member: unknown): unknown {
  if (controllers.has(name) || laterMembers.has(name)) return undefined;
  if (name === 'creationTimestamp' && member === null) return undefined;
  if (name === 'managedFields' && Array.isArray(member)) {
    const owners = (member as Json[]).flatMap(owner);
    return owners.length > 0 ? owners : undefined;
  }
  const kept = comparable(member);
  return mayVanish.has(name) && member !== null && Object.keys(kept as object).length === 0 ? undefined : kept;
}

/** What the controllers and the scheduler of the recorded cluster wrote, and ours would if they ran. */
const controllers = new Set([
  'deployment.kubernetes.io/revision',
  'deprecated.daemonset.template.generation',
  'observedGeneration',
  'unavailableReplicas',
  'updatedReplicas',
  'fullyLabeledReplicas',
]);
const conditionsOfOthers = new Set(['Available', 'Progressing', 'PodScheduled']);

/** Members that 1.20 did not know and this release always fills in; texts that are our own. */
const laterMembers = new Set([
  'internalTrafficPolicy',
  'ipFamilies',
  'ipFamilyPolicy',
  'kubernetes.io/metadata.name',
  'completionMode',
  'manualSelector',
  'podReplacementPolicy',
  'suspend',
  'persistentVolumeClaimRetentionPolicy',
  'lastPhaseTransitionTime',
  'availableReplicas',
  'requiresRepublish',
  'seLinuxMount',
  'storageCapacity',
  'maxSurge',
  'description',
]);

function ofOthers(item: unknown): boolean {
  if (!isObject(item)) return false;
  // The volume by which pods get their token: a Secret in 1.20, a projection since.
  if (/^(?:default-token|kube-api-access)-/.test(String(item.name))) return true;
  return 'status' in item && conditionsOfOthers.has(String(item.type));
}

/** Owned fields that nobody owned in 1.20, or whose parts nobody owns any more (they are atomic now). */
const laterFields = new Set([...laterMembers].map((name) => `f:${name}`));
const atomicSince = new Set([
  'f:nodeSelector',
  'f:selector',
  'f:tolerations',
  'f:involvedObject',
  'f:roleRef',
  'f:fieldRef',
  'f:port',
]);

function owner(entry: Json): Json[] {
  if (String(entry.manager).startsWith('kube-')) return [];
  const { subresource: _, ...rest } = entry;
  const set = withoutLater(entry.fieldsV1 as FieldSet);
  return set ? [{ ...rest, fieldsV1: set }] : [];
}

function withoutLater(set: FieldSet): FieldSet | undefined {
  const kept = Object.entries(set).flatMap(([name, below]) => {
    if (laterFields.has(name)) return [];
    const leaf = atomicSince.has(name) || Object.keys(below).length === 0;
    const inner = leaf ? {} : withoutLater(below as FieldSet);
    return inner ? [[name, inner] as const] : [];
  });
  const names = kept.map(([name]) => name);
  return names.length === 0 || (names.length === 1 && names[0] === '.') ? undefined : Object.fromEntries(kept);
}
