import { podRequests } from '../../../placement/pod-requests.ts';
import { amountsOf } from '../../../placement/resource-amounts.ts';
import { type Invariant, isEnded } from '../invariant.ts';

export const nodeRoom: Invariant = {
  name: 'no node is given more than it offers',
  always({ nodes, pods }) {
    return nodes.flatMap((node) => {
      const offered = amountsOf(node.status?.allocatable ?? {});
      const mine = pods.filter((pod) => pod.spec.nodeName === node.metadata.name && !isEnded(pod));
      const used: Record<string, number> = { pods: mine.length };
      for (const { spec } of mine) {
        for (const [name, amount] of Object.entries(podRequests(spec))) used[name] = (used[name] ?? 0) + amount;
      }
      return Object.entries(used)
        .filter(([name, amount]) => amount > (offered[name] ?? 0))
        .map(([name, amount]) => `${node.metadata.name}: ${amount} of ${offered[name] ?? 0} ${name}`);
    });
  },
};
