import { describe, expect, it } from 'vitest';
import type { ContainerState, ContainerStatus, Pod, PodSpec, PodStatus } from '../generated/types.ts';
import { pod as strategy } from './pod.ts';
import { podWarnings } from './pod-warnings.ts';
import { qosClassOf } from './qos.ts';

const created = '2026-01-01T00:00:00Z';
const nowMs = Date.UTC(2026, 0, 1, 0, 10);

const containerStatus = (state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: 'c',
  image: 'i',
  imageID: '',
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const running = { running: { startedAt: created } };
const ended = (exitCode: number, more: object = {}) => ({ terminated: { exitCode, ...more } });
const waiting = (reason: string) => ({ waiting: { reason } });

function pod(status: PodStatus, spec: Partial<PodSpec> = {}, metadata: object = {}): Pod {
  return {
    metadata: { name: 'p', creationTimestamp: created, ...metadata },
    spec: { containers: [{ name: 'c' }], ...spec },
    status,
  };
}

const cells = (object: Pod) => strategy.cells?.(object, nowMs) ?? [];
const statusOf = (object: Pod) => cells(object)[2];
const init = { initContainers: [{ name: 'i1' }, { name: 'i2' }] };
const initStatus = (...states: ContainerState[]): PodStatus => ({
  phase: 'Pending',
  initContainerStatuses: states.map((state, i) => containerStatus(state, { name: `i${i + 1}` })),
  containerStatuses: [containerStatus(waiting('PodInitializing'))],
});

describe('the Status column of a pod', () => {
  it.each<[string, Pod]>([
    ['Pending', pod({ phase: 'Pending' })],
    ['Running', pod({ phase: 'Running', containerStatuses: [containerStatus(running, { ready: true })] })],
    ['Evicted', pod({ phase: 'Failed', reason: 'Evicted' })],
    ['CrashLoopBackOff', pod({ phase: 'Running', containerStatuses: [containerStatus(waiting('CrashLoopBackOff'))] })],
    ['Completed', pod({ phase: 'Succeeded', containerStatuses: [containerStatus(ended(0, { reason: 'Completed' }))] })],
    ['ExitCode:3', pod({ phase: 'Failed', containerStatuses: [containerStatus(ended(3))] })],
    ['Signal:9', pod({ phase: 'Failed', containerStatuses: [containerStatus(ended(137, { signal: 9 }))] })],
    ['OOMKilled', pod({ phase: 'Running', containerStatuses: [containerStatus(ended(137, { reason: 'OOMKilled' }))] })],
    ['Init:0/2', pod(initStatus(waiting('PodInitializing'), waiting('PodInitializing')), init)],
    ['Init:1/2', pod(initStatus(ended(0), running), init)],
    ['Init:ErrImagePull', pod(initStatus(ended(0), waiting('ErrImagePull')), init)],
    ['Init:ExitCode:1', pod(initStatus(ended(1), waiting('PodInitializing')), init)],
    ['Init:Error', pod(initStatus(ended(1, { reason: 'Error' })), init)],
    ['PodInitializing', pod(initStatus(ended(0), ended(0)), init)],
    ['Terminating', pod({ phase: 'Running' }, {}, { deletionTimestamp: created })],
    ['Failed', pod({ phase: 'Failed' }, {}, { deletionTimestamp: created })],
    ['Unknown', pod({ phase: 'Running', reason: 'NodeLost' }, {}, { deletionTimestamp: created })],
    [
      'SchedulingGated',
      pod({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }),
    ],
  ])('%s', (expected, object) => {
    expect(statusOf(object)).toBe(expected);
  });

  it('is Running or NotReady while one of two containers still runs', () => {
    const containerStatuses = [
      containerStatus(ended(0, { reason: 'Completed' }), { name: 'a' }),
      containerStatus(running, { name: 'b', ready: true }),
    ];
    expect(statusOf(pod({ phase: 'Running', containerStatuses }))).toBe('NotReady');
    const conditions = [{ type: 'Ready', status: 'True' }];
    expect(statusOf(pod({ phase: 'Running', containerStatuses, conditions }))).toBe('Running');
  });
});

it('counts a sidecar as a container, and only its restarts once the pod is initialized', () => {
  const object = pod(
    {
      phase: 'Running',
      initContainerStatuses: [
        containerStatus(ended(0), { name: 'once', restartCount: 4 }),
        containerStatus(running, {
          name: 'side',
          ready: true,
          started: true,
          restartCount: 1,
          lastState: ended(1, { finishedAt: '2026-01-01T00:05:00Z' }),
        }),
      ],
      containerStatuses: [containerStatus(running, { ready: true, restartCount: 2 })],
    },
    { initContainers: [{ name: 'once' }, { name: 'side', restartPolicy: 'Always' }] },
  );
  expect(cells(object).slice(1, 5)).toEqual(['2/2', 'Running', '3 (5m ago)', '10m']);
});

it('shows readiness gates, address and node', () => {
  const object = pod(
    { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'x/a', status: 'True' }] },
    { nodeName: 'n', readinessGates: [{ conditionType: 'x/a' }, { conditionType: 'x/b' }] },
  );
  expect(cells(object).slice(5)).toEqual(['10.0.0.1', 'n', '<none>', '1/2']);
});

describe('quality of service', () => {
  const spec = (resources: object, more: object = {}): PodSpec => ({ containers: [{ name: 'c', resources }], ...more });
  it.each<[string, PodSpec]>([
    ['BestEffort', spec({})],
    ['BestEffort', spec({ requests: { 'example.com/gpu': '1' }, limits: { cpu: '0' } })],
    ['Burstable', spec({ requests: { cpu: '10m' } })],
    ['Burstable', spec({ requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '1Gi' } })],
    ['Guaranteed', spec({ requests: { cpu: '1000m', memory: '1Gi' }, limits: { cpu: '1', memory: '1024Mi' } })],
    [
      'Burstable',
      spec(
        { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } },
        { initContainers: [{ name: 'i' }] },
      ),
    ],
    ['Guaranteed', spec({}, { resources: { requests: { cpu: '1', memory: '1' }, limits: { cpu: '1', memory: '1' } } })],
    ['Burstable', spec({}, { resources: { requests: { cpu: '1' } } })],
  ])('%s', (expected, podSpec) => {
    expect(qosClassOf(podSpec)).toBe(expected);
  });
});

describe('preparing a pod', () => {
  it('starts Pending, gated when it has scheduling gates, whatever status was sent', () => {
    const object = pod({ phase: 'Running', podIP: '1.2.3.4' }, { schedulingGates: [{ name: 'g' }] });
    strategy.prepareForCreate?.(object);
    expect(object.status).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' });
    expect(object.status.podIP).toBeUndefined();
    expect(object.status.conditions).toMatchObject([
      { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' },
    ]);
  });

  it('turns matchLabelKeys into selector requirements', () => {
    const object = pod(
      {},
      {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'zone',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: {},
            matchLabelKeys: ['rev', 'none'],
          },
        ],
      },
      { labels: { rev: '7' } },
    );
    strategy.prepareForCreate?.(object);
    expect(object.spec.topologySpreadConstraints?.[0]?.labelSelector).toEqual({
      matchExpressions: [{ key: 'rev', operator: 'In', values: ['7'] }],
    });
  });

  it('keeps the class and the owners when status is written', () => {
    const old = pod({ qosClass: 'Burstable', observedGeneration: 2 }, {}, { ownerReferences: [{ uid: 'u' }] });
    const object = pod({ phase: 'Running' });
    strategy.prepareForStatusUpdate?.(object, old);
    expect(object.status).toMatchObject({ phase: 'Running', qosClass: 'Burstable', observedGeneration: 2 });
    expect(object.metadata.ownerReferences).toEqual([{ uid: 'u' }]);
  });
});

it('warns of what will not do what it says', () => {
  const spec: PodSpec = {
    nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
    containers: [
      {
        name: 'c',
        env: [{ name: 'A' }, { name: 'A' }],
        ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' }],
        resources: { limits: { memory: '100m' } },
      },
    ],
  };
  expect(podWarnings({ spec })).toEqual([
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
  ]);
});
