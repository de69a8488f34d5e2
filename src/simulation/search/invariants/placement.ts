import { podRequests } from '../../../placement/pod-requests.ts';
import { amountsOf } from '../../../placement/resource-amounts.ts';
import type { Node, Pod } from '../../../api/generated/types.ts';
import { type Invariant, isEnded } from '../invariant.ts';

export const placement: Invariant = {
  name: 'no pod waits while a node has room for it',
  atRest({ nodes, pods }) {
    const waiting = pods.filter((pod) => !pod.spec.nodeName && !isEnded(pod));
    return waiting.flatMap((pod) => {
      const node = nodes.find((each) => isOpen(each) && hasRoom(each, pods, pod));
      return node ? [`${pod.metadata.name} waits, ${node.metadata.name} has room`] : [];
    });
  },
};

const isOpen = ({ spec, status }: Node): boolean =>
  !spec?.unschedulable &&
  (spec?.taints ?? []).length === 0 &&
  (status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false);

function hasRoom(node: Node, pods: readonly Pod[], pod: Pod): boolean {
  const offered = amountsOf(node.status?.allocatable ?? {});
  const there = pods.filter((each) => each.spec.nodeName === node.metadata.name && !isEnded(each));
  const used: Record<string, number> = { pods: there.length + 1 };
  for (const { spec } of [...there, pod]) {
    for (const [name, amount] of Object.entries(podRequests(spec))) used[name] = (used[name] ?? 0) + amount;
  }
  return Object.entries(used).every(([name, amount]) => amount <= (offered[name] ?? 0));
}
