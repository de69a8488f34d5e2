import { describe, expect, it } from 'vitest';
import type { Service, ServiceSpec } from '../generated/types.ts';
import { service } from './service.ts';

const of = (spec: Partial<ServiceSpec>): Service => ({ metadata: { name: 'a' }, spec, status: {} }) as Service;
const filled: Partial<ServiceSpec> = {
  type: 'LoadBalancer',
  clusterIP: '10.96.0.7',
  clusterIPs: ['10.96.0.7'],
  ipFamilies: ['IPv4'] as never,
  ipFamilyPolicy: 'SingleStack',
  internalTrafficPolicy: 'Cluster',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 30_001,
  allocateLoadBalancerNodePorts: true,
  loadBalancerClass: 'example.com/a',
  ports: [{ port: 80, nodePort: 30_080 }],
};
/** The spec after somebody wrote these fields into it and left all others as they were. */
function changed(change: Partial<ServiceSpec>, before = filled): ServiceSpec {
  const next = of(structuredClone({ ...before, ...change }));
  service.prepareForUpdate?.(next, of(before));
  return next.spec;
}

describe('a service that changes its type', () => {
  it('loses what was filled in for the old one', () => {
    const { externalTrafficPolicy, ...nodePort } = filled;
    for (const name of ['healthCheckNodePort', 'allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const)
      delete nodePort[name];
    expect(changed({ type: 'NodePort' })).toEqual({ ...nodePort, type: 'NodePort', externalTrafficPolicy });
    expect(changed({ type: 'ClusterIP' })).toEqual({ ...nodePort, type: 'ClusterIP', ports: [{ port: 80 }] });
    expect(changed({ type: 'ExternalName', externalName: 'a.b' })).toEqual({
      type: 'ExternalName',
      externalName: 'a.b',
      ports: [{ port: 80 }],
    });
  });

  it('keeps what the writer says anew, so that validation can refuse it', () => {
    expect(changed({ type: 'ClusterIP', ports: [{ port: 80, nodePort: 30_081 }] }).ports).toEqual([
      { port: 80, nodePort: 30_081 },
    ]);
    expect(changed({ type: 'ClusterIP', externalTrafficPolicy: 'Cluster' }).externalTrafficPolicy).toBe('Cluster');
  });

  it('keeps the policy for traffic from outside while that has another way in', () => {
    const { externalTrafficPolicy } = changed({ type: 'ClusterIP' }, { ...filled, externalIPs: ['192.0.2.1'] });
    expect(externalTrafficPolicy).toBe('Local');
  });
});
