import type { Pod } from '../api/generated/types.ts';
import type { FilterRequest, NodeFilter, NodeTest } from '../placement/filters/node-filter.ts';
import type { Snapshot } from '../placement/snapshot.ts';

/** A filter under its plugin's name. */
interface NamedFilter {
  readonly name: string;
  readonly filter?: NodeFilter;
}

/** A filter of a plugin, prepared for one pod. */
export interface NamedTest {
  readonly plugin: string;
  readonly test: NodeTest;
}

/** The filters of a profile, prepared for one pod: the question that is asked of slot after slot. */
export class Evaluation {
  readonly request: FilterRequest;
  readonly tests: readonly NamedTest[];
  /** Nothing but the slot and the pod's requirement decides: the answers hold for every pod with an equal spec. */
  readonly isLocal: boolean;
  /** The plugin that turned the pod away as such. */
  readonly rejectedBy: NamedTest | undefined;
  /** The slots that come into question at all, and the plugin that says so. */
  readonly only: { plugin: string; slots: readonly number[] } | undefined;
  readonly #filters: readonly NamedFilter[];

  constructor(filters: readonly NamedFilter[], snapshot: Snapshot, pod: Pod) {
    this.#filters = filters;
    this.request = { snapshot, pod, requirement: snapshot.requirementOf(pod.spec) };
    const all = prepare(filters, this.request);
    this.rejectedBy = all.find(({ test }) => test.rejects !== undefined);
    this.tests = all;
    const pinning = all.find(({ test }) => test.only);
    this.only = pinning && { plugin: pinning.plugin, slots: pinning.test.only ?? [] };
    const locals = new Set(filters.filter(({ filter }) => filter?.local).map(({ name }) => name));
    this.isLocal = all.every(({ plugin }) => locals.has(plugin));
  }

  /** As `failedAt`, while pods are taken off and put back for a try. */
  failedNow(slot: number): NamedTest | undefined {
    return this.failedAt(slot, this.isLocal ? this.tests : this.#testsNow());
  }

  /** The first filter that the slot fails, also with the pods that were promised the node; undefined: it would do. */
  failedAt(slot: number, tests: readonly NamedTest[] = this.tests): NamedTest | undefined {
    const { snapshot, pod } = this.request;
    if (!snapshot.nominations.isEmpty) {
      const promised = snapshot.nominations.before(pod, snapshot.node(slot)?.name as string);
      const failed = promised.length > 0 ? this.#failedWith(promised, slot) : undefined;
      if (failed) return failed;
    }
    return firstFailed(tests, slot);
  }

  /** The filters as the snapshot is now: what pods elsewhere decide is prepared anew, the rest stays. */
  #testsNow(): readonly NamedTest[] {
    const fresh = new Map(
      prepare(
        this.#filters.filter(({ filter }) => !filter?.local),
        this.request,
      ).map((named) => [named.plugin, named]),
    );
    const kept = new Map(this.tests.map((named) => [named.plugin, named]));
    return this.#filters.flatMap(({ name, filter }) => (filter?.local ? kept : fresh).get(name) ?? []);
  }

  #failedWith(promised: readonly Pod[], slot: number): NamedTest | undefined {
    const { snapshot } = this.request;
    const name = snapshot.node(slot)?.name as string;
    return snapshot.tentatively(() => {
      for (const other of promised) snapshot.addPod(other, name);
      const areSilent = promised.every((other) => snapshot.termsOf(other).antiAffinity.length === 0);
      const failed = firstFailed(this.isLocal && areSilent ? this.tests : this.#testsNow(), slot);
      const answer = failed && asItIsNow(failed, slot);
      for (const other of promised) snapshot.removePod(other.metadata.uid as string);
      return answer;
    });
  }
}

/** Without the pods that were put there for the question, the test would have nothing to say. */
function asItIsNow({ plugin, test }: NamedTest, slot: number): NamedTest {
  const reasons = test.reasons(slot);
  const isResolvable = test.resolvable?.(slot) ?? false;
  return { plugin, test: { passes: () => false, reasons: () => reasons, resolvable: () => isResolvable } };
}

function prepare(filters: readonly NamedFilter[], request: FilterRequest): NamedTest[] {
  const tests: NamedTest[] = [];
  for (const { name, filter } of filters) {
    const test = filter?.prepare(request);
    if (test) tests.push({ plugin: name, test });
  }
  return tests;
}

/** A node that fails several filters is counted under the first. */
export function firstFailed(tests: readonly NamedTest[], slot: number): NamedTest | undefined {
  for (let i = 0; i < tests.length; i++) {
    const named = tests[i] as NamedTest;
    if (!named.test.passes(slot)) return named;
  }
  return undefined;
}
