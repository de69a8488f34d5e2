import { describe, expect, it } from 'vitest';
import type { Pod, ResourceQuota, ResourceQuotaSpec } from '../generated/types.ts';
import { amountsText, difference, readAmounts } from './amounts.ts';
import { unsaid } from './pod-amounts.ts';
import { isInScope } from './scopes.ts';
import { usageOf } from './usage.ts';

const container = (requests?: object, limits?: object, more: object = {}) => ({
  name: 'c',
  resources: { requests, limits },
  ...more,
});
const pod = (spec: object, phase = 'Running'): Pod =>
  ({
    metadata: { name: 'p' },
    spec: { containers: [container()], ...(spec as object) },
    status: { phase },
  }) as unknown as Pod;
const usage = (resource: string, object: object) => amountsText(usageOf(resource, object as Pod));

describe('the usage of a pod', () => {
  it.each<[string, Pod, string]>([
    ['nothing asked for', pod({}), 'count/pods=1,pods=1'],
    ['ended: only its place', pod({ containers: [container({ cpu: '1' })] }, 'Succeeded'), 'count/pods=1'],
    [
      'requests and limits of all containers',
      pod({
        containers: [
          container({ cpu: '500m' }, { cpu: '1', memory: '1Gi' }),
          container({ cpu: '250m', 'x.io/gpu': '1' }),
        ],
      }),
      'count/pods=1,cpu=750m,limits.cpu=1,limits.memory=1Gi,pods=1,requests.cpu=750m,requests.x.io/gpu=1',
    ],
    [
      'the larger of initialization and run, sidecars in both',
      pod({
        containers: [container({ cpu: '1' })],
        initContainers: [container({ cpu: '500m' }, undefined, { restartPolicy: 'Always' }), container({ cpu: '2' })],
      }),
      'count/pods=1,cpu=2500m,pods=1,requests.cpu=2500m',
    ],
    [
      'overhead; the pod as a whole wins over its containers',
      pod({
        containers: [container({ cpu: '1' }, { memory: '1Mi' })],
        overhead: { cpu: '100m', memory: '1Mi' },
        resources: { requests: { cpu: '3' } },
      }),
      'count/pods=1,cpu=3100m,limits.memory=2Mi,memory=1Mi,pods=1,requests.cpu=3100m,requests.memory=1Mi',
    ],
  ])('%s', (_what, one, expected) => {
    expect(usage('pods', one)).toBe(expected);
  });

  it('tells what containers leave unsaid', () => {
    const one = pod({
      containers: [container({ cpu: '1' }), { ...container(), name: 'b' }],
      initContainers: [{ ...container(), name: 'a' }],
    });
    expect(unsaid(one, new Set(['pods', 'cpu', 'limits.memory']))).toBe(
      'must specify cpu for: a,b; limits.memory for: a,b,c',
    );
    expect(unsaid(pod({ containers: [container({ cpu: '1' })] }), new Set(['requests.cpu', 'pods']))).toBeUndefined();
  });
});

it('counts services, claims and all other objects', () => {
  const service = (spec: object) => usage('services', { spec: { ports: [{}, {}], ...spec } });
  expect(service({ type: 'ClusterIP' })).toBe('count/services=1,services=1');
  expect(service({ type: 'NodePort' })).toBe('count/services=1,services=1,services.nodeports=2');
  expect(service({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false })).toBe(
    'count/services=1,services=1,services.loadbalancers=1,services.nodeports=0',
  );
  const claim = {
    metadata: {},
    spec: { storageClassName: 'gold', resources: { requests: { storage: '1Gi' } } },
    status: { allocatedResources: { storage: '2Gi' } },
  };
  expect(usage('persistentvolumeclaims', claim)).toBe(
    'count/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/persistentvolumeclaims=1,gold.storageclass.storage.k8s.io/requests.storage=2Gi,persistentvolumeclaims=1,requests.storage=2Gi',
  );
  expect(usage('deployments.apps', {})).toBe('count/deployments.apps=1');
  expect(usage('secrets', {})).toBe('count/secrets=1,secrets=1');
});

it('subtracts', () => {
  const [a, b] = [readAmounts({ cpu: '2', pods: '1' }), readAmounts({ cpu: '500m', pods: '1', memory: '1Gi' })];
  expect(amountsText(difference(a, b))).toBe('cpu=1500m,memory=-1Gi');
});

describe('scopes', () => {
  const holds = (spec: ResourceQuotaSpec, one: Pod) =>
    isInScope({ metadata: { name: 'q' }, spec } as ResourceQuota, 'pods', one);
  const selector = (scopeName: string, operator: string, ...values: string[]) =>
    ({ scopeSelector: { matchExpressions: [{ scopeName, operator, values }] } }) as unknown as ResourceQuotaSpec;
  const term = { topologyKey: 'zone', namespaces: ['other'] };
  it.each<[string, ResourceQuotaSpec, Pod, boolean]>([
    ['Terminating', { scopes: ['Terminating'] }, pod({ activeDeadlineSeconds: 5 }), true],
    ['NotTerminating', { scopes: ['NotTerminating'] }, pod({ activeDeadlineSeconds: 5 }), false],
    ['BestEffort', { scopes: ['BestEffort'] }, pod({}), true],
    ['NotBestEffort', { scopes: ['NotBestEffort'] }, pod({ containers: [container({ cpu: '1' })] }), true],
    ['both must hold', { scopes: ['BestEffort', 'Terminating'] }, pod({}), false],
    ['priority class In', selector('PriorityClass', 'In', 'high'), pod({ priorityClassName: 'high' }), true],
    ['priority class NotIn', selector('PriorityClass', 'NotIn', 'high'), pod({ priorityClassName: 'high' }), false],
    ['priority class Exists', selector('PriorityClass', 'Exists'), pod({}), false],
    ['priority class DoesNotExist', selector('PriorityClass', 'DoesNotExist'), pod({}), true],
    [
      'affinity across namespaces',
      { scopes: ['CrossNamespacePodAffinity'] },
      pod({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } }),
      true,
    ],
    ['affinity at home', { scopes: ['CrossNamespacePodAffinity'] }, pod({}), false],
  ])('%s', (_what, spec, one, expected) => {
    expect(holds(spec, one)).toBe(expected);
  });
});
