import type { NetworkPolicy, NetworkPolicySpec } from '../api/generated/types.ts';
import type { PolicyPod } from './policy-pod.ts';

/** Objects for tests of policies. */
export const testPolicy = (name: string, spec: NetworkPolicySpec, namespace = 'default'): NetworkPolicy => ({
  metadata: { namespace, name, uid: `uid-${namespace}-${name}`, resourceVersion: '1' },
  spec,
});

export const testPod = (address: string, rest: Partial<PolicyPod> = {}): PolicyPod => ({
  uid: `uid-${address}`,
  namespace: 'default',
  labels: {},
  nodeName: 'node-1',
  ports: [],
  ...rest,
  address,
});
