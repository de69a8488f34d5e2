import type { Container, Pod, PodSpec } from '../generated/types.ts';
import { type Amounts, addTo, one, raiseTo, readAmounts } from './amounts.ts';

type Part = 'requests' | 'limits';

const isOver = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** What a pod uses of a namespace's quotas: nothing but its place among the objects once it has ended. */
export function podUsage(pod: Pod): Amounts {
  const usage: Amounts = { 'count/pods': one };
  if (isOver(pod)) return usage;
  usage['pods'] = one;
  for (const [name, q] of Object.entries(podTotal(pod.spec, 'requests'))) {
    usage[`requests.${name}`] = q;
    // The first names, without a prefix, mean requests too.
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')) usage[name] = q;
  }
  for (const [name, q] of Object.entries(podTotal(pod.spec, 'limits'))) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) usage[`limits.${name}`] = q;
  }
  return usage;
}

/** The larger of all containers together and of any moment of the initialization, as for placement (KEP-753). */
export function containersTotal(spec: PodSpec, part: Part): Amounts {
  const amountsOf = (c: Container) => readAmounts(c.resources?.[part]);
  const total: Amounts = {};
  for (const container of spec.containers ?? []) addTo(total, amountsOf(container));
  const peak: Amounts = {};
  const sidecars: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const needs = amountsOf(container);
    if (container.restartPolicy === 'Always') {
      addTo(sidecars, needs);
      raiseTo(peak, sidecars);
    } else {
      addTo(needs, sidecars);
      raiseTo(peak, needs);
    }
  }
  addTo(total, sidecars);
  raiseTo(total, peak);
  return total;
}

/** As `containersTotal`, or what the pod as a whole asks for (KEP-2837); with its overhead. */
export function podTotal(spec: PodSpec, part: Part): Amounts {
  const total = { ...containersTotal(spec, part), ...readAmounts(spec.resources?.[part]) };
  const overhead = Object.entries(readAmounts(spec.overhead));
  // A limit that nobody set stays none.
  addTo(total, Object.fromEntries(overhead.filter(([name]) => part === 'requests' || total[name])));
  return total;
}

const mustBeGiven = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);

/** What a container has to say because a quota counts it, in the API's words; undefined when all is said. */
export function unsaid({ spec }: Pod, hard: ReadonlySet<string>): string | undefined {
  const missing = new Map<string, string[]>();
  for (const name of [...hard].filter((n) => mustBeGiven.has(n)).sort()) {
    const [part, resource] = name.startsWith('limits.')
      ? (['limits', name.slice('limits.'.length)] as const)
      : (['requests', name.replace(/^requests\./, '')] as const);
    if (spec.resources?.[part]?.[resource] !== undefined) continue;
    const silent = [...spec.containers, ...(spec.initContainers ?? [])]
      .filter((c) => c.resources?.[part]?.[resource] === undefined)
      .map((c) => c.name);
    if (silent.length > 0) missing.set(name, silent.sort());
  }
  if (missing.size === 0) return undefined;
  return `must specify ${[...missing].map(([name, containers]) => `${name} for: ${containers.join(',')}`).join('; ')}`;
}
