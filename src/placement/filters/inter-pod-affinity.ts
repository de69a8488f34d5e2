import type { LabelColumn } from '../label-columns.ts';
import type { SelectablePod } from '../pod-matchers.ts';
import type { PodTerm } from '../pod-terms.ts';
import type { Snapshot } from '../snapshot.ts';
import { tally } from '../topology.ts';
import type { NodeFilter } from './node-filter.ts';

const reasons = {
  affinity: "node(s) didn't match pod affinity rules",
  antiAffinity: "node(s) didn't match pod anti-affinity rules",
  existing: "node(s) didn't satisfy existing pods anti-affinity rules",
};

/** How many pods a term selects, by domain of its topology. */
interface Domains {
  column: LabelColumn;
  totals: Int32Array;
}

const countAt = ({ column, totals }: Domains, slot: number): number => totals[column.bySlot[slot] as number] as number;
const hasDomain = ({ column }: Domains, slot: number): boolean => column.bySlot[slot] !== 0;

/** Required pod affinity and anti-affinity, and the anti-affinity of pods that are there already. */
export const interPodAffinity: NodeFilter = {
  prepare({ snapshot, pod }) {
    const { affinity, antiAffinity } = snapshot.termsOf(pod);
    const asked: SelectablePod = { namespace: pod.metadata.namespace ?? '', labels: pod.metadata.labels ?? {} };
    const blocked = blockedDomains(snapshot, asked);
    if (affinity.length === 0 && antiAffinity.length === 0 && blocked.length === 0) return undefined;
    const avoided = antiAffinity.map((term) => domainsOf(snapshot, term, [term]));
    const isNear = nearness(snapshot, affinity, asked);
    const isAvoided = (slot: number) => avoided.some((domains) => countAt(domains, slot) > 0);
    const isBlocked = (slot: number) => blocked.some((domains) => countAt(domains, slot) > 0);
    return {
      passes: (slot) => isNear(slot) && !isAvoided(slot) && !isBlocked(slot),
      reasons: (slot) => [!isNear(slot) ? reasons.affinity : isAvoided(slot) ? reasons.antiAffinity : reasons.existing],
      // Nobody's leaving brings those near who are missing.
      resolvable: isNear,
    };
  },
};

/** Pods that all `terms` select, by domain of one of them. Domain 0, of nodes without the label, has none. */
function domainsOf(snapshot: Snapshot, { topologyKey }: PodTerm, terms: readonly PodTerm[]): Domains {
  const column = snapshot.labels.column(topologyKey);
  const matcher = snapshot.matchers.of(terms.map((term) => term.selection));
  return { column, totals: tally(snapshot, column, matcher.bySlot) };
}

/**
 * A node must be in a domain of every term with a pod that all terms select. The first pod of a group, for which there is
 * none yet, may go wherever the domains exist, if it would be such a pod itself.
 */
function nearness(snapshot: Snapshot, terms: readonly PodTerm[], pod: SelectablePod): (slot: number) => boolean {
  const near = terms.map((term) => domainsOf(snapshot, term, terms));
  const isFirst =
    terms.length > 0 &&
    near.every(({ totals }) => totals.every((count) => count === 0)) &&
    snapshot.matchers.of(terms.map((term) => term.selection)).selects(pod);
  if (isFirst) return (slot) => near.every((domains) => hasDomain(domains, slot));
  return (slot) => near.every((domains) => countAt(domains, slot) > 0);
}

/** Where pods are that do not want this one near them. */
function blockedDomains(snapshot: Snapshot, pod: SelectablePod): Domains[] {
  const byTopology = new Map<string, Domains>();
  for (const term of snapshot.ownedTerms.of(pod.labels)) {
    if (term.kind !== 'antiAffinity' || !snapshot.matchers.selects(term.selection, pod)) continue;
    const column = snapshot.labels.column(term.topologyKey);
    const domains = byTopology.get(term.topologyKey) ?? { column, totals: new Int32Array(column.values.length) };
    byTopology.set(term.topologyKey, domains);
    for (const slot of term.owners.keys()) {
      const domain = column.bySlot[slot] as number;
      if (domain !== 0) domains.totals[domain] = 1;
    }
  }
  return [...byTopology.values()];
}
