import type { Pod, PodAffinityTerm } from '../api/generated/types.ts';
import { EqualityIndex, equalityOf, type PodSelection } from './pod-matchers.ts';
import type { PlacedPod } from './node-info.ts';

/** A pod affinity term: pods, and how near they are. */
export interface PodTerm {
  readonly selection: PodSelection;
  readonly topologyKey: string;
}

/** What a pod says of other pods. */
export interface PodTerms {
  readonly affinity: readonly PodTerm[];
  readonly antiAffinity: readonly PodTerm[];
  /** Anti-affinity has a negative weight. */
  readonly preferred: readonly { weight: number; term: PodTerm }[];
}

const none: PodTerms = { affinity: [], antiAffinity: [], preferred: [] };

/** Without namespaces and without a selector of them, a term is about the pod's own. */
function compileTerm(term: PodAffinityTerm, namespace: string): PodTerm {
  const { namespaces = [], namespaceSelector, labelSelector: selector, topologyKey } = term;
  const own = namespaces.length === 0 && !namespaceSelector ? [namespace] : namespaces;
  return { selection: { namespaces: own, namespaceSelector, selector }, topologyKey };
}

function compileTerms(pod: Pod, namespace: string): PodTerms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const compile = (term: PodAffinityTerm) => compileTerm(term, namespace);
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';
  const weighted = (terms: typeof podAffinity, sign: 1 | -1) =>
    (terms?.[preferred] ?? []).map(({ weight, podAffinityTerm }) => ({
      weight: sign * weight,
      term: compile(podAffinityTerm),
    }));
  return {
    affinity: (podAffinity?.[required] ?? []).map(compile),
    antiAffinity: (podAntiAffinity?.[required] ?? []).map(compile),
    preferred: [...weighted(podAffinity, 1), ...weighted(podAntiAffinity, -1)],
  };
}

/** Compiles terms; pods of one template share them as they share their spec's parts. */
export class PodTermCache {
  readonly #known = new WeakMap<object, Map<string, PodTerms>>();

  of(pod: Pod): PodTerms {
    const { affinity } = pod.spec;
    if (!affinity?.podAffinity && !affinity?.podAntiAffinity) return none;
    const namespace = pod.metadata.namespace ?? '';
    const byNamespace = this.#known.get(affinity) ?? new Map<string, PodTerms>();
    this.#known.set(affinity, byNamespace);
    let terms = byNamespace.get(namespace);
    if (!terms) {
      terms = compileTerms(pod, namespace);
      byNamespace.set(namespace, terms);
    }
    return terms;
  }
}

/** A term of pods that are on nodes: it is about whoever comes. */
export interface OwnedTerm extends PodTerm {
  /** `required` against others, `attracting` a required affinity, or a preference. */
  readonly kind: 'antiAffinity' | 'affinity' | 'preferred';
  readonly weight: number;
  /** How many pods with this term a slot has; slots without are absent. */
  readonly owners: Map<number, number>;
}

/** The terms of pods on nodes, each once, found by the labels of the pod that comes. */
export class OwnedTerms {
  readonly #terms = new Map<string, OwnedTerm>();
  readonly #index = new EqualityIndex<OwnedTerm>();

  get isEmpty(): boolean {
    return this.#terms.size === 0;
  }

  count({ terms }: PlacedPod, slot: number, sign: 1 | -1): void {
    if (terms === none) return;
    for (const term of terms.antiAffinity) this.#count({ ...term, kind: 'antiAffinity', weight: 0 }, slot, sign);
    for (const term of terms.affinity) this.#count({ ...term, kind: 'affinity', weight: 0 }, slot, sign);
    for (const { weight, term } of terms.preferred) this.#count({ ...term, kind: 'preferred', weight }, slot, sign);
  }

  /** Those that may be about a pod with these labels. */
  of(labels: Readonly<Record<string, string>>): Iterable<OwnedTerm> {
    return this.#index.of(labels);
  }

  #count(term: Omit<OwnedTerm, 'owners'>, slot: number, sign: 1 | -1): void {
    const key = JSON.stringify(term);
    let known = this.#terms.get(key);
    if (!known) {
      known = { ...term, owners: new Map() };
      this.#terms.set(key, known);
      this.#index.add(known, equalityOf([known.selection]));
    }
    const owners = (known.owners.get(slot) ?? 0) + sign;
    if (owners > 0) known.owners.set(slot, owners);
    else known.owners.delete(slot);
    if (known.owners.size > 0) return;
    this.#terms.delete(key);
    this.#index.remove(known, equalityOf([known.selection]));
  }
}
