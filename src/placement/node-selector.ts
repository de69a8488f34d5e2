import type {
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodSpec,
  PreferredSchedulingTerm,
} from '../api/generated/types.ts';
import { type LabelColumn, type LabelColumns, nodeNameKey } from './label-columns.ts';

/** One requirement as a table: `allowed[value id]` is 1 when a node with that value passes. */
interface CompiledRequirement {
  readonly column: LabelColumn;
  readonly admits: (value: string | undefined) => boolean;
  allowed: Uint8Array;
  /** How many value ids `allowed` answers for. */
  known: number;
}

/** All requirements must hold. */
export type CompiledTerm = CompiledRequirement[];

/** Any of the terms must hold. */
export type CompiledSelector = CompiledTerm[];

/** `nodeSelector` and required node affinity as one list of alternatives; undefined when the pod asks nothing. */
export function compileRequired(spec: PodSpec, labels: LabelColumns): CompiledSelector | undefined {
  const selector = Object.entries(spec.nodeSelector ?? {}).map(
    ([key, value]): NodeSelectorRequirement => ({ key, operator: 'In', values: [value] }),
  );
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return selector.length ? [selector.map((r) => compileRequirement(r, r.key, labels))] : undefined;
  return required.nodeSelectorTerms
    .filter((term) => !isEmptyTerm(term))
    .map((term) => [...selector.map((r) => compileRequirement(r, r.key, labels)), ...compileTerm(term, labels)]);
}

/** Preferences with their weights; those that select nothing are left out. */
export const compilePreferred = (
  terms: readonly PreferredSchedulingTerm[],
  labels: LabelColumns,
): { weight: number; term: CompiledTerm }[] =>
  terms
    .filter((item) => item.weight && !isEmptyTerm(item.preference))
    .map((item) => ({ weight: item.weight, term: compileTerm(item.preference, labels) }));

/** An empty term selects no node. */
export const isEmptyTerm = (term: NodeSelectorTerm): boolean =>
  !term.matchExpressions?.length && !term.matchFields?.length;

export function compileTerm(term: NodeSelectorTerm, labels: LabelColumns): CompiledTerm {
  return [
    ...(term.matchExpressions ?? []).map((r) => compileRequirement(r, r.key, labels)),
    // `metadata.name` is the only field that can be selected by.
    ...(term.matchFields ?? []).map((r) => compileRequirement(r, nodeNameKey, labels)),
  ];
}

function compileRequirement(requirement: NodeSelectorRequirement, key: string, labels: LabelColumns) {
  const column = labels.column(key);
  return { column, admits: admission(requirement), allowed: new Uint8Array(column.values.length + 8), known: 0 };
}

export function admission(requirement: NodeSelectorRequirement): (value: string | undefined) => boolean {
  const values = new Set(requirement.values ?? []);
  const bound = wholeNumber(requirement.values?.[0]);
  const compared = (test: (value: number, bound: number) => boolean) => (value: string | undefined) => {
    const number = wholeNumber(value);
    return number !== undefined && bound !== undefined && test(number, bound);
  };
  switch (requirement.operator) {
    case 'In':
      return (value) => value !== undefined && values.has(value);
    case 'NotIn':
      return (value) => value === undefined || !values.has(value);
    case 'Exists':
      return (value) => value !== undefined;
    case 'DoesNotExist':
      return (value) => value === undefined;
    case 'Gt':
      return compared((value, limit) => value > limit);
    case 'Lt':
      return compared((value, limit) => value < limit);
    default:
      return () => false;
  }
}

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^[+-]?\d+$/.test(text) ? Number(text) : undefined;

/** Lets the tables answer for values that nodes got since. Call before a run of `termMatches`. */
export function refreshTerm(term: CompiledTerm): void {
  for (const requirement of term) {
    const { values } = requirement.column;
    if (values.length > requirement.allowed.length) {
      const allowed = new Uint8Array(values.length * 2);
      allowed.set(requirement.allowed);
      requirement.allowed = allowed;
    }
    for (; requirement.known < values.length; requirement.known++) {
      requirement.allowed[requirement.known] = requirement.admits(values[requirement.known]) ? 1 : 0;
    }
  }
}

export function termMatches(term: CompiledTerm, slot: number): boolean {
  for (const requirement of term) {
    if (!requirement.allowed[requirement.column.bySlot[slot] as number]) return false;
  }
  return true;
}

/** The question "is this slot selected?", made ready for a run over many slots. */
export function selectorTest(selector: CompiledSelector): (slot: number) => boolean {
  for (const term of selector) refreshTerm(term);
  const [first] = selector;
  const [only] = first ?? [];
  if (selector.length === 1 && first?.length === 1 && only) {
    // What nearly every pod with a selector asks: one table, one look.
    const { allowed, column } = only;
    const { bySlot } = column;
    return (slot) => allowed[bySlot[slot] as number] === 1;
  }
  return (slot) => {
    for (const term of selector) if (termMatches(term, slot)) return true;
    return false;
  };
}

/** The nodes that a pod names itself (every alternative selects `metadata.name` by `In`), as DaemonSet pods do. */
export function pinnedNodes(spec: PodSpec): Set<string> | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (!terms?.length) return undefined;
  const names = new Set<string>();
  for (const term of terms) {
    const byName = term.matchFields?.filter((field) => field.operator === 'In' && field.values?.length === 1);
    if (!byName?.length) return undefined;
    const first = byName[0]?.values?.[0] as string;
    if (byName.every((field) => field.values?.[0] === first)) names.add(first);
  }
  return names;
}
