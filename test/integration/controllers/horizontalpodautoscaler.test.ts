import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  customresourcedefinitions,
  deployments,
  horizontalpodautoscalers,
  pods,
} from '../../../src/api/generated/resources.ts';
import { type KubeObject, keyOf, type Resource } from '../../../src/api/resource.ts';
import { Plane, template } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  const workloads = ['deployment.rollout', 'replicaset.replicas', 'serviceaccount.default'];
  plane = await Plane.start({ only: ['horizontalpodautoscaler.scaling', ...workloads] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = { namespace: 'default', name: 'web' };
const metrics: Resource<KubeObject & { [field: string]: unknown }> = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  resource: 'pods',
  kind: 'PodMetrics',
  namespaced: true,
};

/** A stand-in for metrics-server: the same path and form, filled by the test. */
async function serveMetrics(): Promise<void> {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await plane.admin.create(customresourcedefinitions, {
    metadata: { name: 'pods.metrics.k8s.io', annotations: { 'api-approved.kubernetes.io': 'unapproved, a test' } },
    spec: {
      group: metrics.group,
      scope: 'Namespaced',
      names: { plural: 'pods', singular: 'pod', kind: 'PodMetrics', listKind: 'PodMetricsList' },
      versions: [{ name: metrics.version, served: true, storage: true, schema }],
    },
  } as never);
  await plane.settle();
}

/** Every running pod now uses so much. */
async function use(cpu: string): Promise<void> {
  const known = new Map((await plane.list(metrics)).map((m) => [m.metadata.name, m]));
  for (const pod of await plane.list(pods)) {
    const metadata = { ...keyOf(pod), labels: pod.metadata.labels };
    const body = {
      timestamp: plane.cluster.now.toISOString(),
      window: '15s',
      containers: [{ name: 'main', usage: { cpu } }],
    };
    const old = known.get(pod.metadata.name);
    if (old) await plane.admin.update(metrics, { ...old, ...body });
    else await plane.admin.create(metrics, { metadata, ...body });
  }
}

async function deploy(replicas: number): Promise<void> {
  const { metadata, spec } = template('web');
  const containers = spec.containers.map((c) => ({ ...c, resources: { requests: { cpu: '1' } } }));
  await plane.admin.create(deployments, {
    metadata: key,
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { metadata, spec: { containers } } },
  } as never);
  await plane.runPods();
  // Until its CPU is believed.
  await plane.settle(6 * 60_000);
}
const autoscale = (spec: object) =>
  plane.admin.create(horizontalpodautoscalers, {
    metadata: key,
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
      ],
      ...spec,
    },
  } as never);
const replicas = async () => (await plane.get(deployments, 'web')).spec.replicas;
const conditions = async () =>
  (await plane.get(horizontalpodautoscalers, 'web')).status?.conditions?.map(
    (c) => `${c.type} ${c.status} ${c.reason}`,
  );

describe('HorizontalPodAutoscaler', () => {
  it('follows the use of CPU up, and down when it stays low', async () => {
    await serveMetrics();
    await deploy(2);
    await use('1');
    await autoscale({});
    await plane.settle();
    expect(await replicas()).toBe(4);
    expect((await plane.get(horizontalpodautoscalers, 'web')).status).toMatchObject({
      currentReplicas: 2,
      desiredReplicas: 4,
      currentMetrics: [
        { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 100, averageValue: '1' } } },
      ],
      lastScaleTime: expect.any(String),
    });
    expect(await conditions()).toEqual([
      'AbleToScale True SucceededRescale',
      'ScalingActive True ValidMetricFound',
      'ScalingLimited False DesiredWithinRange',
    ]);
    expect(await plane.eventReasons()).toContain('SuccessfulRescale');
    await plane.runPods();
    await plane.settle(6 * 60_000);
    await use('100m');
    await plane.settle(60_000);
    expect(await replicas()).toBe(4);
    expect(await conditions()).toContain('AbleToScale True ScaleDownStabilized');
    await plane.settle(5 * 60_000);
    expect(await replicas()).toBe(1);
    expect(await plane.writesOfRestart([deployments])).toEqual([]);
  });

  it('tells why it cannot scale', async () => {
    await autoscale({});
    await plane.settle();
    expect(await conditions()).toEqual(['AbleToScale False FailedGetScale']);
    await deploy(1);
    await plane.settle(16_000);
    expect(await conditions()).toEqual([
      'AbleToScale True SucceededGetScale',
      'ScalingActive False FailedGetResourceMetric',
    ]);
    expect(await plane.eventReasons()).toEqual(
      expect.arrayContaining(['FailedGetScale', 'FailedGetResourceMetric', 'FailedComputeMetricsReplicas']),
    );
    await plane.patch(deployments, 'web', { spec: { replicas: 0 } });
    await plane.settle(16_000);
    expect(await conditions()).toContain('ScalingActive False ScalingDisabled');
  });

  it('keeps to its bounds, whatever the metrics say', async () => {
    await deploy(1);
    await autoscale({ minReplicas: 3 });
    await plane.settle();
    expect(await replicas()).toBe(3);
    await plane.patch(horizontalpodautoscalers, 'web', { spec: { minReplicas: 1, maxReplicas: 2 } });
    await plane.settle();
    expect(await replicas()).toBe(2);
  });
});
