import { describe, expect, it } from 'vitest';
import type { HorizontalPodAutoscalerSpec, HPAScalingRules, MetricSpec, Pod } from '../../api/generated/types.ts';
import { bounded, type History } from './behavior.ts';
import { MetricError, proposalOf } from './metric-proposal.ts';
import type { MetricsSource, PodSamples } from './metrics.ts';

const nowMs = Date.UTC(2026, 0, 1, 1);
const time = (secondsAgo: number) => new Date(nowMs - secondsAgo * 1000).toISOString();

interface PodFacts {
  request?: string;
  phase?: string;
  ready?: boolean;
  startedAgo?: number;
  readyAgo?: number;
  isGoing?: boolean;
}
function pod(
  name: string,
  { request = '1', phase = 'Running', ready = true, startedAgo = 3600, readyAgo = 3500, isGoing }: PodFacts = {},
): Pod {
  return {
    metadata: { name, deletionTimestamp: isGoing ? time(0) : undefined },
    spec: { containers: [{ name: 'main', resources: { requests: request ? { cpu: request } : {} } }] },
    status: {
      phase,
      startTime: time(startedAgo),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: time(readyAgo) }],
    },
  } as unknown as Pod;
}
const samples = (...milli: (number | undefined)[]): PodSamples =>
  new Map(
    milli.flatMap((m, i) =>
      m === undefined ? [] : [[`p${i}`, { milli: m, timestampMs: nowMs, windowMs: 60_000 }] as const],
    ),
  );

const fail = () => Promise.reject(new Error('no numbers'));
const source = (numbers: Partial<{ pods: PodSamples; number: number }>): MetricsSource => ({
  resource: async () => numbers.pods ?? fail(),
  pods: async () => numbers.pods ?? fail(),
  object: async () => numbers.number ?? fail(),
  external: async () => (numbers.number === undefined ? fail() : [numbers.number / 2, numbers.number / 2]),
});
const ask = (metric: MetricSpec, pods: Pod[], from: MetricsSource, current = pods.length) =>
  proposalOf(metric, {
    query: { namespace: 'default', selector: 'a=b' },
    source: from,
    situation: { currentReplicas: current, pods, tolerances: { up: 0.1, down: 0.1 }, nowMs },
  });
const cpu = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

describe('replicas by CPU use', () => {
  it.each<[string, Pod[], PodSamples, number]>([
    ['twice the target', [pod('p0'), pod('p1')], samples(1000, 1000), 4],
    ['half the target', [0, 1, 2, 3].map((i) => pod(`p${i}`)), samples(250, 250, 250, 250), 2],
    ['within the tolerance', [pod('p0'), pod('p1')], samples(540, 540), 2],
    [
      'exactly a fraction',
      Array.from({ length: 10 }, (_, i) => pod(`p${i}`)),
      samples(...Array.from({ length: 10 }, () => 600)),
      12,
    ],
    ['up: a pod without a sample uses nothing', [pod('p0'), pod('p1')], samples(1500), 3],
    ['down: a pod without a sample uses all it asked for', [pod('p0'), pod('p1'), pod('p2')], samples(100, 100), 3],
    ['a starting pod is not believed', [pod('p0'), pod('p1', { startedAgo: 60, readyAgo: 30 })], samples(500, 3000), 2],
    ['up: a pending pod uses nothing', [pod('p0'), pod('p1', { phase: 'Pending' })], samples(1000), 2],
    ['a pod that goes does not count', [pod('p0'), pod('p1', { isGoing: true })], samples(1000, 4000), 2],
  ])('%s', async (_what, pods, numbers, expected) => {
    const { replicas } = await ask(cpu(50), pods, source({ pods: numbers }));
    expect(replicas).toBe(expected);
  });

  it('tells use and name', async () => {
    const { name, status } = await ask(cpu(50), [pod('p0'), pod('p1')], source({ pods: samples(400, 500) }));
    expect(name).toBe('cpu resource utilization (percentage of request)');
    expect(status).toEqual({
      type: 'Resource',
      resource: { name: 'cpu', current: { averageUtilization: 45, averageValue: '450m' } },
    });
  });

  it.each<[string, Pod[], MetricsSource, string]>([
    ['no numbers', [pod('p0')], source({}), 'no numbers'],
    ['no pods', [], source({ pods: samples() }), 'no pods returned by selector while calculating replica count'],
    [
      'no ready pods',
      [pod('p0', { phase: 'Pending' })],
      source({ pods: samples() }),
      'did not receive metrics for targeted pods (pods might be unready)',
    ],
    [
      'no request',
      [pod('p0', { request: '' })],
      source({ pods: samples(1) }),
      'missing request for cpu in container main of Pod p0',
    ],
  ])('fails with %s', async (_what, pods, from, why) => {
    const error = await ask(cpu(50), pods, from, 1).catch((e: unknown) => e as MetricError);
    expect(error).toBeInstanceOf(MetricError);
    expect(error).toMatchObject({ reason: 'FailedGetResourceMetric', message: expect.stringContaining(why) });
  });
});

describe('the other metrics', () => {
  const pods = [pod('p0'), pod('p1')];
  const metric = { name: 'queue' };
  const value = { type: 'Value', value: '100' };
  const average = { type: 'AverageValue', averageValue: '50' };
  const describedObject = { kind: 'Service', name: 's' };
  it.each<[string, MetricSpec, MetricsSource, [number, string]]>([
    [
      'an amount of a resource',
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '500m' } } },
      source({ pods: samples(1000, 1000) }),
      [4, 'cpu resource'],
    ],
    [
      'one container',
      {
        type: 'ContainerResource',
        containerResource: { name: 'cpu', container: 'main', target: { type: 'Utilization', averageUtilization: 50 } },
      },
      source({ pods: samples(1000, 1000) }),
      [4, 'cpu container resource utilization (percentage of request)'],
    ],
    [
      'a metric of pods',
      { type: 'Pods', pods: { metric, target: average } },
      source({ pods: samples(100_000, 100_000) }),
      [4, 'pods metric queue'],
    ],
    [
      'a value of an object',
      { type: 'Object', object: { metric, describedObject, target: value } },
      source({ number: 150_000 }),
      [3, 'Service metric queue'],
    ],
    [
      'a share of an object',
      { type: 'Object', object: { metric, describedObject, target: average } },
      source({ number: 250_000 }),
      [5, 'Service metric queue'],
    ],
    [
      'an external value',
      { type: 'External', external: { metric, target: value } },
      source({ number: 50_000 }),
      [1, 'external metric queue(nil)'],
    ],
    [
      'an external share',
      { type: 'External', external: { metric, target: average } },
      source({ number: 120_000 }),
      [3, 'external metric queue(nil)'],
    ],
  ])('%s', async (_what, spec, from, [replicas, name]) => {
    expect(await ask(spec, pods, from)).toMatchObject({ replicas, name });
  });

  it('an unknown type is said to be none', async () => {
    await expect(ask({ type: 'Moon' }, pods, source({}))).rejects.toMatchObject({ reason: 'InvalidMetricSourceType' });
  });
});

describe('what is done of what is wanted', () => {
  const rules = (type: string, value: number, periodSeconds: number, more: object = {}): HPAScalingRules => ({
    policies: [{ type, value, periodSeconds }],
    ...more,
  });
  const decide = (
    behavior: HorizontalPodAutoscalerSpec['behavior'],
    wish: [number, number],
    history: Partial<History> = {},
  ) => {
    const spec = { minReplicas: 2, maxReplicas: 20, behavior } as HorizontalPodAutoscalerSpec;
    const [current, desired] = wish;
    const v = bounded(spec, { current, desired, nowMs }, { recommendations: [], changes: [], ...history });
    return [v.replicas, v.limit.reason, v.stabilized?.reason];
  };
  const ago = (seconds: number, replicas: number) => ({ replicas, atMs: nowMs - seconds * 1000 });
  const changed = (seconds: number, added: number) => ({ added, atMs: nowMs - seconds * 1000 });
  it.each<[string, unknown[], unknown[]]>([
    ['no more than twice at once', decide(undefined, [3, 15]), [6, 'ScaleUpLimit', undefined]],
    ['up to four at once', decide(undefined, [1, 15]), [4, 'ScaleUpLimit', undefined]],
    ['not above the maximum', decide(undefined, [15, 25]), [20, 'TooManyReplicas', undefined]],
    ['not below the minimum', decide(undefined, [5, 1]), [2, 'TooFewReplicas', undefined]],
    [
      'down only as far as in five minutes',
      decide(undefined, [8, 3], { recommendations: [ago(200, 6), ago(400, 9)] }),
      [6, 'DesiredWithinRange', 'ScaleDownStabilized'],
    ],
    [
      'up only as far as in its window',
      decide({ scaleUp: rules('Pods', 99, 15, { stabilizationWindowSeconds: 60 }) }, [4, 10], {
        recommendations: [ago(30, 6)],
      }),
      [6, 'DesiredWithinRange', 'ScaleUpStabilized'],
    ],
    [
      'so many pods in a period',
      decide({ scaleUp: rules('Pods', 4, 60) }, [6, 15], { changes: [changed(30, 2), changed(90, 2)] }),
      [8, 'ScaleUpLimit', undefined],
    ],
    [
      'such a share in a period',
      decide({ scaleUp: rules('Percent', 50, 60) }, [5, 15]),
      [8, 'ScaleUpLimit', undefined],
    ],
    [
      'down by so many',
      decide({ scaleDown: rules('Pods', 2, 60, { stabilizationWindowSeconds: 0 }) }, [10, 3]),
      [8, 'ScaleDownLimit', undefined],
    ],
    [
      'down by such a share',
      decide({ scaleDown: rules('Percent', 25, 60, { stabilizationWindowSeconds: 0 }) }, [10, 3]),
      [7, 'ScaleDownLimit', undefined],
    ],
    [
      'the larger of two changes',
      decide(
        {
          scaleUp: {
            selectPolicy: 'Max',
            policies: [...(rules('Pods', 1, 60).policies ?? []), ...(rules('Percent', 100, 60).policies ?? [])],
          },
        },
        [5, 15],
      ),
      [10, 'ScaleUpLimit', undefined],
    ],
    [
      'the smaller of two changes',
      decide(
        {
          scaleUp: {
            selectPolicy: 'Min',
            policies: [...(rules('Pods', 1, 60).policies ?? []), ...(rules('Percent', 100, 60).policies ?? [])],
          },
        },
        [5, 15],
      ),
      [6, 'ScaleUpLimit', undefined],
    ],
    [
      'never down',
      decide({ scaleDown: { selectPolicy: 'Disabled', stabilizationWindowSeconds: 0 } }, [10, 3]),
      [10, 'ScaleDownLimit', undefined],
    ],
  ])('%s', (_what, actual, expected) => {
    expect(actual).toEqual(expected);
  });
});
