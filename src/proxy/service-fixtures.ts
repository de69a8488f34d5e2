import type { Endpoint, EndpointSlice, Service, ServiceSpec } from '../api/generated/types.ts';
import type { ProxyNode } from './frontend.ts';

/** Objects for tests of the proxy. */
export const testNode: ProxyNode = {
  name: 'node-1',
  addresses: ['172.30.0.11'],
  podCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/16',
  ownAddresses: ['10.96.0.10'],
};

export function testService(name: string, spec: Partial<ServiceSpec>, rest: Partial<Service> = {}): Service {
  return {
    metadata: { namespace: 'default', name, uid: `uid-${name}`, resourceVersion: '1' },
    status: {},
    ...rest,
    spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
  };
}

export interface TestEndpoint extends Partial<Endpoint> {
  address: string;
}

export function testSlice(
  service: string,
  endpoints: (string | TestEndpoint)[],
  ports: EndpointSlice['ports'] = [{ name: '', port: 8080, protocol: 'TCP' }],
): EndpointSlice {
  return {
    metadata: {
      namespace: 'default',
      name: `${service}-abcde`,
      labels: { 'kubernetes.io/service-name': service },
      uid: `uid-slice-${service}`,
      resourceVersion: '1',
    },
    addressType: 'IPv4' as EndpointSlice['addressType'],
    ports,
    endpoints: endpoints.map((endpoint) => {
      const { address, ...rest } = typeof endpoint === 'string' ? { address: endpoint } : endpoint;
      return { addresses: [address], nodeName: 'node-1', conditions: { ready: true }, ...rest };
    }),
  };
}
