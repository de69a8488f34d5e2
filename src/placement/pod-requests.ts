import type { Container, PodSpec } from '../api/generated/types.ts';
import { addAmounts, amountsOf, maxAmounts, type ResourceAmounts } from './resource-amounts.ts';

/** What a container without a request counts for when nodes are scored (never when they are filtered). */
const assumedRequests = { cpu: 100, memory: 200 * 1024 * 1024 } as const;

/**
 * What a pod takes from its node: the larger of its containers together and of any moment of its initialization,
 * plus overhead. A sidecar (init container that restarts Always) counts in both, from its turn on (KEP-753). Requests
 * of the pod as a whole replace the sum of its containers' (KEP-2837).
 */
export function podRequests(spec: PodSpec): Readonly<ResourceAmounts> {
  const known = requestsOfSpec.get(spec);
  if (known) return known;
  const requests = effectiveRequests(spec, {});
  // What can still change is not remembered.
  if (Object.isFrozen(spec)) requestsOfSpec.set(spec, requests);
  return requests;
}

/** A node agent and its controllers ask for those of every pod of a node, again and again. */
const requestsOfSpec = new WeakMap<PodSpec, Readonly<ResourceAmounts>>();

/** As `podRequests`, with an assumed cpu and memory request where a container has none: spreads pods without requests. */
export const podRequestsForScoring = (spec: PodSpec): { cpu: number; memory: number } => {
  const podLevel = spec.resources?.requests ?? {};
  const assumed: ResourceAmounts = { ...assumedRequests };
  for (const name in podLevel) delete assumed[name];
  const total = effectiveRequests(spec, assumed);
  return { cpu: total['cpu'] ?? 0, memory: total['memory'] ?? 0 };
};

function effectiveRequests(spec: PodSpec, assumed: ResourceAmounts): ResourceAmounts {
  const requestsOf = (container: Container) => ({ ...assumed, ...amountsOf(container.resources?.requests) });
  const total: ResourceAmounts = {};
  for (const container of spec.containers) addAmounts(total, requestsOf(container));
  const peak: ResourceAmounts = {};
  const sidecars: ResourceAmounts = {};
  for (const container of spec.initContainers ?? []) {
    const needs: ResourceAmounts = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      addAmounts(sidecars, needs);
      maxAmounts(peak, sidecars);
    } else {
      addAmounts(needs, sidecars);
      maxAmounts(peak, needs);
    }
  }
  addAmounts(total, sidecars);
  maxAmounts(total, peak);
  Object.assign(total, amountsOf(spec.resources?.requests));
  addAmounts(total, amountsOf(spec.overhead));
  return total;
}
