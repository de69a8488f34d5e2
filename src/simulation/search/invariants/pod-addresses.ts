import { type Invariant, isEnded } from '../invariant.ts';

export const podAddresses: Invariant = {
  name: 'no two pods have the same address',
  always({ pods }) {
    const owners = new Map<string, string>();
    return pods.flatMap((pod) => {
      const ip = pod.status?.podIP;
      if (!ip || pod.spec.hostNetwork || isEnded(pod) || pod.metadata.deletionTimestamp) return [];
      const other = owners.get(ip);
      owners.set(ip, pod.metadata.name);
      return other === undefined ? [] : [`${other} and ${pod.metadata.name} have ${ip}`];
    });
  },
};
