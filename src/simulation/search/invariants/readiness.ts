import { type Invariant, isActive, isReady } from '../invariant.ts';

/** Of behaviours that come to be ready, which are the only ones that are drawn here. */
export const readiness: Invariant = {
  name: 'every pod that has a node comes to be ready',
  atRest: ({ pods }) =>
    pods
      .filter((pod) => pod.spec.nodeName && isActive(pod) && !isReady(pod))
      .map(({ metadata, spec, status }) => `${metadata.name} on ${spec.nodeName} is ${status?.phase} and not ready`),
};
