/**
 * The shapes of kube-scheduler's own performance suite (test/integration/scheduler_perf): how many nodes, what is there
 * before, what is scheduled, and how many pods a second upstream demands.
 */
import type { Affinity, Namespace, Node, Pod, PodSpec } from '../src/api/generated/types.ts';

export interface Shape {
  readonly name: string;
  /** Pods a second below which upstream's suite fails. */
  readonly floor: number;
  /** How many times the floor we want. */
  readonly factor: number;
  readonly nodes: readonly Node[];
  readonly namespaces: readonly string[];
  readonly namespaceLabels?: Record<string, string>;
  /** Scheduled before the measurement begins. */
  readonly before: readonly Pod[];
  /** Those that no node can take, there from the start. */
  readonly hopeless?: readonly Pod[];
  readonly measured: readonly Pod[];
  /** A node, a pod too large for any and a Service are made and removed again, each second. */
  readonly churn?: boolean;
}

const zone = 'topology.kubernetes.io/zone';
const host = 'kubernetes.io/hostname';
const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

function node(i: number, more: Record<string, string> = {}, name = `node-${i}`): Node {
  const allocatable = { cpu: '4', memory: '32Gi', pods: '110', ...more };
  return {
    metadata: { name, labels: { [host]: name, [zone]: 'zone1' } },
    spec: {},
    status: { allocatable, capacity: allocatable, conditions: [{ type: 'Ready', status: 'True' }], phase: 'Running' },
  };
}

interface Made {
  prefix: string;
  namespace?: string;
  labels?: Record<string, string>;
  requests?: Record<string, string>;
  spec?: Partial<PodSpec>;
}

/** Extended resources cannot be overcommitted: their limit is their request. */
function resourcesOf(requests: Record<string, string>) {
  const extended = Object.entries(requests).filter(([name]) => name.includes('/'));
  return { requests: { ...requests }, ...(extended.length > 0 ? { limits: Object.fromEntries(extended) } : {}) };
}

/** A fresh object for each pod, as clients send them: only equal, never identical. */
const pod =
  ({ prefix, namespace = 'bench', labels = {}, requests = { cpu: '100m', memory: '500Mi' }, spec = {} }: Made) =>
  (i: number): Pod => ({
    metadata: { name: `${prefix}-${i}`, namespace, uid: `${namespace}/${prefix}-${i}`, labels: { ...labels } },
    spec: {
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources: resourcesOf(requests) }],
      ...structuredClone(spec),
    },
    status: {},
  });

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const term = (labels: Record<string, string>, topologyKey: string, more: object = {}) => ({
  labelSelector: { matchLabels: labels },
  topologyKey,
  ...more,
});
const affinity = (value: Affinity): Partial<PodSpec> => ({ affinity: value });
const inZones: Affinity = {
  nodeAffinity: {
    [required]: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: zone, operator: 'In', values: ['zone1', 'zone2'] }] }],
    },
  },
};
const green = { color: 'green' };
const twoNamespaces = { namespaces: ['bench', 'other'] };
const away = affinity({ podAntiAffinity: { [required]: [term(green, host, twoNamespaces)] } });
const awayEverywhere = affinity({
  podAntiAffinity: { [required]: [term(green, host, { namespaceSelector: { matchLabels: { team: 'devops' } } })] },
});
const blue = { color: 'blue' };
const together = affinity({ podAffinity: { [required]: [term(blue, zone, twoNamespaces)] } });
const red = { color: 'red' };
const likesRed = affinity({
  podAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term(red, host, twoNamespaces) }],
  },
});
const pinned = affinity({
  nodeAffinity: {
    [required]: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['scheduler-perf-node'] }] }],
    },
  },
});
const large = pod({ prefix: 'large', requests: { cpu: '9', memory: '500Mi' } });
const plainNodes = (count: number) => range(count, (i) => node(i));
const grace = { terminationGracePeriodSeconds: 0 };

/** Built on demand: some are large. `share` makes them smaller, for trying the bench out. */
export const shapes: Record<string, (share: number) => Shape> = {
  basic: (share) => ({
    name: 'basic, 5,000 nodes, 10,000 pods',
    floor: 680,
    factor: 3,
    namespaces: ['bench'],
    nodes: plainNodes(5000 * share),
    before: range(1000 * share, pod({ prefix: 'init' })),
    measured: range(10_000 * share, pod({ prefix: 'pod' })),
  }),
  'node-affinity': (share) => {
    const spec = affinity(inZones);
    return {
      name: 'node affinity',
      floor: 220,
      factor: 5,
      namespaces: ['bench'],
      nodes: plainNodes(5000 * share),
      before: range(5000 * share, pod({ prefix: 'init', spec })),
      measured: range(10_000 * share, pod({ prefix: 'pod', spec })),
    };
  },
  'preferred-affinity': (share) => ({
    name: 'preferred pod affinity',
    floor: 90,
    factor: 5,
    namespaces: ['bench', 'other'],
    nodes: plainNodes(5000 * share),
    before: range(5000 * share, pod({ prefix: 'init', namespace: 'other', labels: red, spec: likesRed })),
    measured: range(5000 * share, pod({ prefix: 'pod', labels: red, spec: likesRed })),
  }),
  'anti-affinity': (share) => ({
    name: 'pod anti-affinity',
    floor: 60,
    factor: 5,
    namespaces: ['bench', 'other'],
    nodes: plainNodes(5000 * share),
    before: range(1000 * share, pod({ prefix: 'init', namespace: 'other', labels: green, spec: away })),
    measured: range(1000 * share, pod({ prefix: 'pod', labels: green, spec: away })),
  }),
  affinity: (share) => ({
    name: 'required pod affinity by zone',
    floor: 35,
    factor: 5,
    namespaces: ['bench', 'other'],
    nodes: plainNodes(5000 * share),
    before: range(5000 * share, pod({ prefix: 'init', namespace: 'other', labels: blue, spec: together })),
    measured: range(5000 * share, pod({ prefix: 'pod', labels: blue, spec: together })),
  }),
  'namespace-selector': (share) => {
    const namespaces = range(100, (i) => `init-${i}`);
    const perNamespace = Math.max(1, Math.floor(40 * share));
    return {
      name: 'anti-affinity with namespace selector, 6,000 nodes',
      floor: 24,
      factor: 5,
      namespaces: ['bench', ...namespaces],
      namespaceLabels: { team: 'devops' },
      nodes: plainNodes(6000 * share),
      before: namespaces.flatMap((namespace) =>
        range(perNamespace, pod({ prefix: 'init', namespace, labels: green, spec: awayEverywhere })),
      ),
      measured: range(1000 * share, pod({ prefix: 'pod', labels: green, spec: awayEverywhere })),
    };
  },
  preemption: (share) => ({
    name: 'preemption, 20,000 less important pods',
    floor: 570,
    factor: 3,
    namespaces: ['bench'],
    nodes: plainNodes(5000 * share),
    before: range(20_000 * share, pod({ prefix: 'low', requests: { cpu: '900m', memory: '500Mi' }, spec: grace })),
    measured: range(
      5000 * share,
      pod({
        prefix: 'high',
        requests: { cpu: '3000m', memory: '500Mi' },
        spec: { ...grace, priority: 10, priorityClassName: 'high' },
      }),
    ),
  }),
  unschedulable: (share) => ({
    name: 'beside 200 unschedulable pods',
    floor: 590,
    factor: 3,
    namespaces: ['bench'],
    nodes: plainNodes(5000 * share),
    before: [],
    hopeless: range(200, large),
    measured: range(10_000 * share, pod({ prefix: 'pod' })),
  }),
  churn: (share) => ({
    name: 'mixed churn',
    floor: 710,
    factor: 3,
    namespaces: ['bench'],
    nodes: plainNodes(5000 * share),
    before: [],
    measured: range(10_000 * share, pod({ prefix: 'pod' })),
    churn: true,
  }),
  daemonset: (share) => ({
    name: 'daemonset, 15,000 nodes',
    floor: 1100,
    factor: 3,
    namespaces: ['bench'],
    nodes: [
      ...plainNodes(15_000 * share),
      node(0, { cpu: '1000000', memory: '100Ti', pods: '90000' }, 'scheduler-perf-node'),
    ],
    before: [],
    measured: range(30_000 * share, pod({ prefix: 'pod', spec: pinned })),
  }),
  extended: (share) => {
    const requests = { 'example.com/gpu': '1', cpu: '100m' };
    return {
      name: 'extended resources',
      floor: 180,
      factor: 3,
      namespaces: ['bench'],
      nodes: range(5000 * share, (i) => node(i, { 'example.com/gpu': '4' })),
      before: range(2000 * share, pod({ prefix: 'init', requests })),
      measured: range(10_000 * share, pod({ prefix: 'pod', requests })),
    };
  },
};

export const namespaceOf = (name: string, labels: Record<string, string> = {}): Namespace => ({
  metadata: { name, labels },
  spec: {},
  status: {},
});
