import type { LabelSelector, Pod } from '../api/generated/types.ts';
import { type LabelMatcher, labelSelectorMatcher } from '../api/meta/label-selector.ts';
import type { PlacedPod } from './node-info.ts';

type Labels = Readonly<Record<string, string>>;

/** What is asked of a pod to know whether it is selected. */
export interface SelectablePod {
  namespace: string;
  labels: Labels;
}

/** Which pods a term or constraint is about. */
export interface PodSelection {
  /** In these namespaces, and in those that the selector selects. */
  namespaces: readonly string[];
  namespaceSelector?: LabelSelector;
  /** Absent: no pod at all. */
  selector?: LabelSelector;
  /** Pods that are being deleted do not count. */
  living?: boolean;
}

/** Equal selections have equal texts. */
export const selectionKey = (selections: readonly PodSelection[]): string => JSON.stringify(selections);

interface CompiledSelection {
  readonly selection: PodSelection;
  readonly selectsLabels: LabelMatcher;
  namespaces: ReadonlySet<string>;
}

/** Pods that all of some selections select, counted on every node. */
export class PodMatcher {
  readonly selections: readonly CompiledSelection[];
  /** How many of them a slot has. */
  bySlot: Int32Array;

  constructor(selections: readonly CompiledSelection[], capacity: number) {
    this.selections = selections;
    this.bySlot = new Int32Array(capacity);
  }

  selects({ namespace, labels }: SelectablePod): boolean {
    return this.selections.every(({ namespaces, selectsLabels }) => namespaces.has(namespace) && selectsLabels(labels));
  }

  get isLiving(): boolean {
    return this.selections.some(({ selection }) => selection.living);
  }
}

/** At the limit the oldest matcher is forgotten: it costs one more count over all pods. */
const maxMatchers = 4096;

export const selectableOfPod = ({ metadata }: Pod): SelectablePod => ({
  namespace: metadata.namespace ?? '',
  labels: metadata.labels ?? {},
});

const selectableOf = ({ pod }: PlacedPod): SelectablePod => selectableOfPod(pod);

/** An equality that every selected pod fulfils, to find a matcher by; undefined when there is none to tell. */
export function equalityOf(selections: readonly PodSelection[]): string | undefined {
  for (const { selector } of selections)
    for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) return `${key}=${value}`;
  return undefined;
}

/** Things found by an equality of the pods they are about; the rest is looked at for every pod. */
export class EqualityIndex<T> {
  readonly #byEquality = new Map<string, Set<T>>();
  readonly #others = new Set<T>();

  add(item: T, equality: string | undefined): void {
    if (equality === undefined) this.#others.add(item);
    else this.#byEquality.set(equality, (this.#byEquality.get(equality) ?? new Set()).add(item));
  }

  remove(item: T, equality: string | undefined): void {
    if (equality === undefined) this.#others.delete(item);
    else {
      const items = this.#byEquality.get(equality);
      items?.delete(item);
      if (items?.size === 0) this.#byEquality.delete(equality);
    }
  }

  /** Whatever may be about a pod with these labels. */
  *of(labels: Labels): Generator<T> {
    yield* this.#others;
    if (this.#byEquality.size === 0) return;
    for (const key in labels) yield* this.#byEquality.get(`${key}=${labels[key]}`) ?? [];
  }
}

/**
 * Counts of selected pods per node, for every selection that was asked for: kept current as pods come and go, so that a
 * pod with affinity costs no look at other pods. Namespace selectors follow the namespaces' labels.
 */
export class PodMatchers {
  readonly #matchers = new Map<string, PodMatcher>();
  readonly #index = new EqualityIndex<PodMatcher>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #placed: () => Iterable<{ placed: PlacedPod; slot: number }>;
  #capacity: number;

  /** `placed` tells of all pods on nodes; used once for each new matcher. */
  constructor(capacity: number, placed: () => Iterable<{ placed: PlacedPod; slot: number }>) {
    this.#capacity = capacity;
    this.#placed = placed;
  }

  /** The matcher of pods that all of the selections select. */
  of(selections: readonly PodSelection[]): PodMatcher {
    const key = selectionKey(selections);
    const known = this.#matchers.get(key);
    if (known) return known;
    if (this.#matchers.size >= maxMatchers) this.#forgetOldest();
    const matcher = new PodMatcher(
      selections.map((selection) => this.#compile(selection)),
      this.#capacity,
    );
    this.#matchers.set(key, matcher);
    this.#index.add(matcher, equalityOf(selections));
    this.#countAll(matcher);
    return matcher;
  }

  /** Whether a selection selects a pod. */
  selects(selection: PodSelection, pod: SelectablePod): boolean {
    return this.of([selection]).selects(pod);
  }

  count(placed: PlacedPod, slot: number, sign: 1 | -1): void {
    if (this.#matchers.size === 0) return;
    const pod = selectableOf(placed);
    for (const matcher of this.#index.of(pod.labels)) countIn(matcher, { placed, pod, slot, sign });
  }

  /** `labels` undefined: the namespace is gone. */
  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels) this.#namespaces.set(name, labels);
    else this.#namespaces.delete(name);
    for (const matcher of this.#matchers.values()) {
      if (!matcher.selections.some(({ selection }) => selection.namespaceSelector)) continue;
      for (const compiled of matcher.selections) compiled.namespaces = this.#namespacesOf(compiled.selection);
      this.#countAll(matcher);
    }
  }

  grow(capacity: number): void {
    this.#capacity = capacity;
    for (const matcher of this.#matchers.values()) {
      const bySlot = new Int32Array(capacity);
      bySlot.set(matcher.bySlot);
      matcher.bySlot = bySlot;
    }
  }

  #compile(selection: PodSelection): CompiledSelection {
    const selectsLabels = labelSelectorMatcher(selection.selector);
    return { selection, selectsLabels, namespaces: this.#namespacesOf(selection) };
  }

  #namespacesOf({ namespaces, namespaceSelector }: PodSelection): ReadonlySet<string> {
    if (!namespaceSelector) return new Set(namespaces);
    const selects = labelSelectorMatcher(namespaceSelector);
    const selected = [...this.#namespaces].filter(([, labels]) => selects(labels)).map(([name]) => name);
    return new Set([...namespaces, ...selected]);
  }

  #countAll(matcher: PodMatcher): void {
    matcher.bySlot.fill(0);
    for (const { placed, slot } of this.#placed())
      countIn(matcher, { placed, pod: selectableOf(placed), slot, sign: 1 });
  }

  #forgetOldest(): void {
    const [key, matcher] = this.#matchers.entries().next().value as [string, PodMatcher];
    this.#matchers.delete(key);
    this.#index.remove(matcher, equalityOf(matcher.selections.map(({ selection }) => selection)));
  }
}

function countIn(
  matcher: PodMatcher,
  { placed, pod, slot, sign }: { placed: PlacedPod; pod: SelectablePod; slot: number; sign: 1 | -1 },
): void {
  if (matcher.isLiving && placed.pod.metadata.deletionTimestamp) return;
  if (matcher.selects(pod)) matcher.bySlot[slot] = (matcher.bySlot[slot] as number) + sign;
}
