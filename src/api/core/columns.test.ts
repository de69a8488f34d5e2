import { describe, expect, it } from 'vitest';
import { eventsV1 } from '../events/v1.ts';
import { kindOf, strategies } from '../kinds.ts';
import { groupResource, type KubeObject } from '../resource.ts';

const nowMs = Date.UTC(2026, 0, 1, 0, 5);
const metadata = { name: 'x', creationTimestamp: '2026-01-01T00:00:00Z' };

/** The cells of an object by column. */
function cellsOf(group: string, resource: string, parts: object): Record<string, unknown> {
  const kind = kindOf(group, resource);
  const cells = kind && strategies[groupResource(kind)]?.cells?.({ metadata, ...parts } as never, nowMs);
  return Object.fromEntries(kind?.columns?.map((column, i) => [column.name, cells?.[i]]) ?? []);
}

describe('columns of', () => {
  it('nodes', () => {
    const node = {
      metadata: { ...metadata, labels: { 'node-role.kubernetes.io/worker': '', 'kubernetes.io/role': 'db' } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'Unknown' }],
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
        nodeInfo: { kubeletVersion: 'v1.36.2+knarr', osImage: 'Debian 12' },
      },
    };
    expect(cellsOf('', 'nodes', node)).toMatchObject({
      Status: 'NotReady,SchedulingDisabled',
      Roles: 'db,worker',
      Version: 'v1.36.2+knarr',
      'Internal-IP': '10.0.0.1',
      'External-IP': '<none>',
      'OS-Image': 'Debian 12',
      'Kernel-Version': '<unknown>',
    });
  });

  it.each([
    [{ type: 'LoadBalancer' }, {}, '<pending>'],
    [
      { type: 'LoadBalancer', externalIPs: ['9.9.9.9'] },
      { loadBalancer: { ingress: [{ hostname: 'b' }, { ip: '1.1.1.1' }] } },
      '1.1.1.1,b,9.9.9.9',
    ],
    [{ type: 'ExternalName', externalName: 'a.b' }, {}, 'a.b'],
    [{ type: 'NodePort' }, {}, '<none>'],
  ])('services of %j', (spec, status, external) => {
    const ports = [
      { port: 80, nodePort: 30080, protocol: 'TCP' },
      { port: 53, protocol: 'UDP' },
    ];
    expect(cellsOf('', 'services', { spec: { ...spec, ports }, status })).toMatchObject({
      'External-IP': external,
      'Port(s)': '80:30080/TCP,53/UDP',
    });
  });

  it('endpoints and slices with many addresses', () => {
    const addresses = ['1.1.1.1', '1.1.1.2', '1.1.1.3', 'fd::1'].map((ip) => ({ ip }));
    const subsets = [{ addresses, ports: [{ port: 80 }] }];
    expect(cellsOf('', 'endpoints', { subsets }).Endpoints).toBe('1.1.1.1:80,1.1.1.2:80,1.1.1.3:80 + 1 more...');
    const endpoints = addresses.map(({ ip }) => ({ addresses: [ip] }));
    expect(cellsOf('discovery.k8s.io', 'endpointslices', { endpoints, ports: [{ name: 'http' }, {}] })).toMatchObject({
      Endpoints: '1.1.1.1,1.1.1.2,1.1.1.3 + 1 more...',
      Ports: 'http,*',
    });
  });

  it('events in series and of both APIs', () => {
    const series = { count: 7, lastObservedTime: '2026-01-01T00:04:30.000000Z' };
    const shared = { type: 'Normal', reason: 'R', eventTime: '2026-01-01T00:00:00.000000Z', series };
    const expected = {
      'Last Seen': '30s',
      'First Seen': '5m',
      Count: 7,
      Object: 'pod/p',
      Source: 'kubelet, n1',
      Message: 'm',
    };
    const core = {
      ...shared,
      involvedObject: { kind: 'Pod', name: 'p' },
      source: { component: 'kubelet', host: 'n1' },
      message: ' m\n',
    };
    expect(cellsOf('', 'events', core)).toMatchObject(expected);
    const later = {
      ...shared,
      regarding: core.involvedObject,
      reportingController: 'kubelet',
      reportingInstance: 'n1',
      note: 'm',
    };
    expect(cellsOf('', 'events', eventsV1.toStored({ metadata, ...later } as KubeObject))).toMatchObject(expected);
  });

  it('autoscalers with several metrics', () => {
    const spec = {
      scaleTargetRef: { kind: 'Deployment', name: 'd' },
      maxReplicas: 5,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
        { type: 'External', external: { metric: { name: 'q' }, target: { type: 'AverageValue', averageValue: '3' } } },
        { type: 'Pods', pods: { metric: { name: 'r' }, target: { type: 'AverageValue', averageValue: '9' } } },
      ],
    };
    const status = {
      currentReplicas: 2,
      currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12 } } }],
    };
    expect(cellsOf('autoscaling', 'horizontalpodautoscalers', { spec, status })).toMatchObject({
      Reference: 'Deployment/d',
      Targets: 'cpu: 12%/80%, <unknown>/3 (avg) + 1 more...',
      MinPods: '<unset>',
      Replicas: 2,
    });
  });

  it('volumes, quotas, requests and bindings', () => {
    const volume = {
      metadata: { ...metadata, deletionTimestamp: metadata.creationTimestamp },
      spec: { accessModes: ['ReadWriteMany', 'ReadWriteOnce'], claimRef: { namespace: 'a', name: 'b' } },
    };
    expect(cellsOf('', 'persistentvolumes', volume)).toMatchObject({
      'Access Modes': 'RWO,RWX',
      Status: 'Terminating',
      Claim: 'a/b',
    });
    const status = { hard: { pods: '5', 'limits.cpu': '2' }, used: { pods: '1' } };
    expect(cellsOf('', 'resourcequotas', { status })).toMatchObject({ Request: 'pods: 1/5', Limit: 'limits.cpu: 0/2' });
    const csr = { spec: { expirationSeconds: 3600 }, status: { conditions: [{ type: 'Approved' }], certificate: 'x' } };
    expect(cellsOf('certificates.k8s.io', 'certificatesigningrequests', csr)).toMatchObject({
      RequestedDuration: '60m',
      Condition: 'Approved,Issued',
    });
    const subjects = [
      { kind: 'User', name: 'u' },
      { kind: 'ServiceAccount', namespace: 'n', name: 's' },
    ];
    const binding = { roleRef: { kind: 'Role', name: 'r' }, subjects };
    expect(cellsOf('rbac.authorization.k8s.io', 'rolebindings', binding)).toMatchObject({
      Role: 'Role/r',
      Users: 'u',
      Groups: '',
      ServiceAccounts: 'n/s',
    });
  });
});
