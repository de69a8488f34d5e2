import type { Container, Node, Pod, ResourceRequirements } from '../../api/generated/types.ts';
import { podRequests } from '../../placement/pod-requests.ts';
import { amountsOf, type ResourceAmounts } from '../../placement/resource-amounts.ts';
import { isSidecar } from '../worker/pod-spec.ts';
import { statusOf } from '../worker/records.ts';

/**
 * What the node has promised the pod's containers, by name, and the pod as a whole: not more than it has, whatever the spec asks
 * for now.
 */
export type Allocated = Readonly<Record<string, ResourceRequirements>>;

/** The containers whose resources may change while the pod is there. */
const resizable = ({ spec }: Pod): Container[] => [
  ...(spec.initContainers ?? []).filter(isSidecar),
  ...spec.containers,
];

const nothing: ResourceRequirements = {};

/** Without claims, which do not change. The object itself where it has none: there may be very many pods. */
function plain(resources: ResourceRequirements = nothing): ResourceRequirements {
  if (!resources.claims) return resources;
  const { claims: _, ...rest } = resources;
  return rest;
}

/** Stands for the pod as a whole (KEP-5419): no container has that name. */
const whole = '';

const ofWhole = (resources: ResourceRequirements | undefined): Allocated => (resources ? { [whole]: resources } : {});

/** What the spec asks for. */
export const askedFor = (pod: Pod): Allocated => ({
  ...ofWhole(pod.spec.resources),
  ...Object.fromEntries(resizable(pod).map(({ name, resources }) => [name, plain(resources)])),
});

/** What a pod that is seen for the first time has: what its status says, else what it asks for. */
export const firstAllocated = (pod: Pod): Allocated => ({
  ...ofWhole(reported(pod)),
  ...Object.fromEntries(
    resizable(pod).map(({ name, resources }) => [name, plain(statusOf(pod, name)?.resources ?? resources)]),
  ),
});

/** Of what the status says of the pod as a whole, that which it asks for as such: all else is its containers' together. */
function reported({ spec: { resources }, status }: Pod): ResourceRequirements | undefined {
  if (!resources || !status?.resources) return resources;
  const had: ResourceRequirements = {};
  for (const part of ['requests', 'limits'] as const) {
    const asked = resources[part];
    if (asked) had[part] = { ...asked, ...common(status.resources[part] ?? {}, asked) };
  }
  return had;
}

const common = (amounts: Record<string, string>, names: object): Record<string, string> =>
  Object.fromEntries(Object.entries(amounts).filter(([name]) => name in names));

export const sameResources = (a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean =>
  a === b || (['requests', 'limits'] as const).every((part) => sameAmounts(a?.[part], b?.[part]));

export const sameAllocated = (a: Allocated, b: Allocated): boolean =>
  a === b || Object.keys({ ...a, ...b }).every((name) => sameResources(a[name], b[name]));

function sameAmounts(a: Record<string, string> | undefined, b: Record<string, string> | undefined): boolean {
  if (a === b) return true;
  const [left, right] = [amountsOf(a), amountsOf(b)];
  return Object.keys({ ...left, ...right }).every((name) => left[name] === right[name]);
}

/** The pod as the node runs it: with what it was promised. */
export function withAllocated(pod: Pod, allocated: Allocated | undefined): Pod {
  if (!allocated || sameAllocated(allocated, askedFor(pod))) return pod;
  const promised = (container: Container): Container => {
    const resources = allocated[container.name];
    return resources ? { ...container, resources: { ...container.resources, ...resources } } : container;
  };
  const { containers, initContainers, resources: _, ...spec } = pod.spec;
  const resources = allocated[whole];
  return {
    ...pod,
    spec: {
      ...spec,
      ...(resources ? { resources } : {}),
      containers: containers.map(promised),
      ...(initContainers ? { initContainers: initContainers.map(promised) } : {}),
    },
  };
}

/** Why a pod cannot have what it asks for: never on this node, or not now. */
export interface PendingResize {
  reason: 'Infeasible' | 'Deferred';
  message: string;
}

/** Whether the node can give a pod what it asks for now. `others` are the pods that already use the node. */
export function resizeProblem(pod: Pod, node: Node, others: readonly Pod[]): PendingResize | undefined {
  const allocatable = amountsOf(node.status?.allocatable ?? {});
  const used: ResourceAmounts = {};
  for (const other of others) {
    for (const [name, amount] of Object.entries(podRequests(other.spec))) used[name] = (used[name] ?? 0) + amount;
  }
  let deferred: PendingResize | undefined;
  for (const [name, amount] of Object.entries(podRequests(pod.spec))) {
    const capacity = allocatable[name] ?? 0;
    const inUse = used[name] ?? 0;
    const head = `requested: ${amount}`;
    if (amount > capacity)
      return {
        reason: 'Infeasible',
        message: `Node didn't have enough capacity: ${name}, ${head}, capacity: ${capacity}`,
      };
    if (inUse + amount > capacity)
      deferred ??= {
        reason: 'Deferred',
        message: `Node didn't have enough resource: ${name}, ${head}, used: ${inUse}, capacity: ${capacity}`,
      };
  }
  return deferred;
}
