import type { PodQOSClass, PodSpec, ResourceRequirements } from '../generated/types.ts';
import { addQuantity, compareQuantity, parseQuantity, type Quantity } from '../meta/quantity.ts';

const computeResources = ['cpu', 'memory'];
type Sums = Map<string, Quantity>;

/** Adds the positive amounts of cpu and memory to `sums`; answers whether both are there. */
function addAll(sums: Sums, amounts: Record<string, string> | undefined): boolean {
  let found = 0;
  for (const resource of computeResources) {
    const text = amounts?.[resource];
    const amount = text === undefined ? undefined : parseQuantity(text);
    if (!amount || amount.nanos <= 0n) continue;
    found++;
    const sum = sums.get(resource);
    sums.set(resource, sum ? addQuantity(sum, amount) : amount);
  }
  return found === computeResources.length;
}

const isSet = (resources: ResourceRequirements | undefined): boolean =>
  [resources?.requests, resources?.limits].some((list) => computeResources.some((r) => list?.[r] !== undefined));

/**
 * The quality-of-service class: Guaranteed when cpu and memory are limited everywhere and requests equal limits,
 * BestEffort without any of them, else Burstable. Resources of the pod as a whole win over those of its containers
 * (KEP-2837). Throws `QuantityError` for amounts that validation would refuse.
 */
export function qosClassOf(spec: PodSpec): PodQOSClass {
  const requests: Sums = new Map();
  const limits: Sums = new Map();
  let limited = true;
  const podLevel = isSet(spec.resources);
  const parts = podLevel
    ? [spec.resources]
    : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources);
  for (const resources of parts) {
    addAll(requests, resources?.requests);
    limited = addAll(limits, resources?.limits) && limited;
  }
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const equal = [...requests].every(([name, request]) => {
    const limit = limits.get(name);
    return limit !== undefined && compareQuantity(limit, request) === 0;
  });
  return limited && equal && requests.size === limits.size ? 'Guaranteed' : 'Burstable';
}
