import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../api/generated/types.ts';
import { equalJson } from '../../api/meta/json.ts';

type Condition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>;

/** What the names of a definition come to beside those of the others of its group. */
export interface NamingDecision {
  acceptedNames: CustomResourceDefinitionNames;
  conditions: Condition[];
}

export const conditionOf = ({ status }: CustomResourceDefinition, type: string) =>
  status.conditions?.find((condition) => condition.type === type);

export const isEstablished = (definition: CustomResourceDefinition): boolean =>
  conditionOf(definition, 'Established')?.status === 'True';

/** Names are given to who asks first; a name that is taken keeps the ones that were accepted before. */
export function decideNames(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): NamingDecision {
  const wanted = definition.spec.names;
  const held: CustomResourceDefinitionNames = definition.status.acceptedNames ?? { plural: '', kind: '' };
  const taken = takenBy(others);
  const accepted: CustomResourceDefinitionNames = { ...held };
  const refused: Pick<Condition, 'reason' | 'message'>[] = [];
  const claim = (member: 'plural' | 'singular' | 'kind' | 'listKind', names: Set<string>, reason: string) => {
    const name = wanted[member] ?? '';
    if (name !== (held[member] ?? '') && names.has(name))
      refused.push({ reason, message: `${JSON.stringify(name)} is already in use` });
    else if (name || member === 'plural' || member === 'kind') accepted[member] = name;
    else delete accepted[member];
  };
  claim('plural', taken.resources, 'PluralConflict');
  claim('singular', taken.resources, 'SingularConflict');
  const clashes = (wanted.shortNames ?? []).filter((n) => !held.shortNames?.includes(n) && taken.resources.has(n));
  if (clashes.length > 0) refused.push({ reason: 'ShortNamesConflict', message: aggregate(clashes) });
  else if (wanted.shortNames) accepted.shortNames = wanted.shortNames;
  else delete accepted.shortNames;
  claim('kind', taken.kinds, 'KindConflict');
  claim('listKind', taken.kinds, 'ListKindConflict');
  if (wanted.categories) accepted.categories = wanted.categories;
  else delete accepted.categories;
  return { acceptedNames: inOrder(accepted), conditions: conditionsOf(definition, refused.at(-1)) };
}

function aggregate(names: string[]): string {
  const texts = names.map((name) => `${JSON.stringify(name)} is already in use`);
  return texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`;
}

function takenBy(others: readonly CustomResourceDefinition[]): { resources: Set<string>; kinds: Set<string> } {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const { plural = '', singular = '', shortNames = [], kind = '', listKind = '' } = status.acceptedNames ?? {};
    for (const name of [plural, singular, ...(shortNames ?? [])]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}

function conditionsOf(
  definition: CustomResourceDefinition,
  refused: Pick<Condition, 'reason' | 'message'> | undefined,
): Condition[] {
  const names: Condition = refused
    ? { type: 'NamesAccepted', status: 'False', ...refused }
    : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
  return [names, establishedCondition(definition, !refused)];
}

/** Once established, a definition stays so. */
function establishedCondition(definition: CustomResourceDefinition, isAccepted: boolean): Condition {
  const before = conditionOf(definition, 'Established');
  if (before?.status === 'True') return before;
  const type = 'Established';
  if (!isAccepted)
    return before ?? { type, status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  return { type, status: 'False', reason: 'Installing', message: 'the initial names have been accepted' };
}

export const established: Condition = {
  type: 'Established',
  status: 'True',
  reason: 'InitialNamesAccepted',
  message: 'the initial names have been accepted',
};

/**
 * The status with conditions set; the time of a condition is that of its last change. Undefined: nothing changes. Which
 * generation a condition was set for is kept, not told: upstream has it only of those who set conditions from outside
 * (CRDObservedGenerationTracking).
 */
export function withConditions(
  definition: CustomResourceDefinition,
  conditions: readonly Condition[],
  now: string,
): CustomResourceDefinition['status'] | undefined {
  const before = definition.status.conditions ?? [];
  const merged = [...before];
  for (const condition of conditions) {
    const at = merged.findIndex(({ type }) => type === condition.type);
    const old = merged[at];
    const isSameStatus = old?.status === condition.status;
    const next = {
      type: condition.type,
      status: condition.status,
      lastTransitionTime: (isSameStatus ? old?.lastTransitionTime : undefined) ?? now,
      reason: condition.reason ?? '',
      message: condition.message ?? '',
      ...(old?.observedGeneration ? { observedGeneration: old.observedGeneration } : {}),
    };
    if (at < 0) merged.push(next);
    else merged[at] = next;
  }
  return equalJson(merged, before) ? undefined : { ...definition.status, conditions: merged };
}

const order = ['plural', 'singular', 'shortNames', 'kind', 'listKind', 'categories'] as const;

const inOrder = (names: CustomResourceDefinitionNames): CustomResourceDefinitionNames =>
  Object.fromEntries(
    order.flatMap((member) => (names[member] === undefined ? [] : [[member, names[member]]])),
  ) as unknown as CustomResourceDefinitionNames;
