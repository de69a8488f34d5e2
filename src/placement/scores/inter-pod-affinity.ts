import type { LabelColumn } from '../label-columns.ts';
import type { SelectablePod } from '../pod-matchers.ts';
import { tally } from '../topology.ts';
import type { FilterRequest } from '../filters/node-filter.ts';
import { maxScore, type NodeScore, type ScoreSlot } from './node-score.ts';

/** InterPodAffinityArgs (kubescheduler.config.k8s.io/v1). */
export interface InterPodPreferenceArgs {
  /** What a required affinity of a pod that is there counts. */
  hardPodAffinityWeight?: number;
  /** Only what the pod itself prefers counts. */
  ignorePreferredTermsOfExistingPods?: boolean;
}

/** Preferred pod affinity and anti-affinity, of the pod and of those that are there already. */
export const interPodPreference: NodeScore = interPodPreferenceWith({});

export function interPodPreferenceWith({
  hardPodAffinityWeight: attraction = 1,
  ignorePreferredTermsOfExistingPods = false,
}: InterPodPreferenceArgs): NodeScore {
  return { normalize: spread, prepare };

  function prepare({ snapshot, pod }: FilterRequest): ScoreSlot | undefined {
    const { preferred } = snapshot.termsOf(pod);
    if (preferred.length === 0 && (ignorePreferredTermsOfExistingPods || snapshot.ownedTerms.isEmpty)) return undefined;
    const asked: SelectablePod = { namespace: pod.metadata.namespace ?? '', labels: pod.metadata.labels ?? {} };
    const sums = new Map<string, { column: LabelColumn; sums: Float64Array }>();
    const sumsOf = (topologyKey: string) => {
      const column = snapshot.labels.column(topologyKey);
      const known = sums.get(topologyKey) ?? { column, sums: new Float64Array(column.values.length) };
      sums.set(topologyKey, known);
      return known;
    };
    for (const { weight, term } of preferred) {
      const to = sumsOf(term.topologyKey);
      const totals = tally(snapshot, to.column, snapshot.matchers.of([term.selection]).bySlot);
      for (let i = 1; i < totals.length; i++) to.sums[i] = (to.sums[i] as number) + weight * (totals[i] as number);
    }
    for (const term of ignorePreferredTermsOfExistingPods ? [] : snapshot.ownedTerms.of(asked.labels)) {
      if (term.kind === 'antiAffinity' || !snapshot.matchers.selects(term.selection, asked)) continue;
      const to = sumsOf(term.topologyKey);
      const weight = term.kind === 'affinity' ? attraction : term.weight;
      for (const [slot, owners] of term.owners) {
        const domain = to.column.bySlot[slot] as number;
        if (domain !== 0) to.sums[domain] = (to.sums[domain] as number) + weight * owners;
      }
    }
    if (sums.size === 0) return undefined;
    const all = [...sums.values()];
    return (slot) =>
      all.reduce((sum, { column, sums: byDomain }) => sum + (byDomain[column.bySlot[slot] as number] as number), 0);
  }
}

/** The lowest sum becomes 0, the highest 100. */
function spread(raw: Float64Array): void {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of raw) {
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  const range = highest - lowest;
  for (let i = 0; i < raw.length; i++)
    raw[i] = range > 0 ? Math.trunc((maxScore * ((raw[i] as number) - lowest)) / range) : 0;
}
