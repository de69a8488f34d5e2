import { describe, expect, it } from 'vitest';
import type { Container, Pod } from '../../api/generated/types.ts';
import { containerResources, oomScoreAdjOf, podLimits, qosClassOf } from './resources.ts';

type Amounts = Record<string, string>;
const podOf = (...containers: { requests?: Amounts; limits?: Amounts }[]): Pod => ({
  metadata: { name: 'p' },
  spec: { containers: containers.map((resources, i) => ({ name: `c${i}`, resources })) },
  status: {},
});
const full = { cpu: '500m', memory: '1Gi' };
const first = (pod: Pod) => pod.spec.containers[0] as Container;
const capacity = 8 * 2 ** 30;

describe('resources', () => {
  it.each([
    ['BestEffort', podOf({})],
    ['Burstable', podOf({ requests: { cpu: '1' } })],
    ['Burstable', podOf({ limits: full }, {})],
    ['Guaranteed', podOf({ limits: full }, { requests: full, limits: full })],
  ])('class %s', (qos, pod) => expect(qosClassOf(pod)).toBe(qos));

  it('turns requests into shares and limits into quota', () => {
    const pod = podOf({ requests: { cpu: '250m' }, limits: { cpu: '1', memory: '64Mi' } });
    expect(containerResources(pod, first(pod), capacity)).toMatchObject({
      cpuShares: 256,
      cpuPeriod: 100_000,
      cpuQuota: 100_000,
      memoryLimitInBytes: 64 * 2 ** 20,
    });
    const limited = podOf({ limits: { cpu: '500m' } });
    expect(containerResources(limited, first(limited), capacity).cpuShares).toBe(512);
    const none = podOf({});
    expect(containerResources(none, first(none), capacity)).toEqual({ cpuShares: 2, oomScoreAdj: 1000 });
  });

  it('scores by what was asked for', () => {
    const half = podOf({ requests: { memory: '4Gi' } });
    expect(oomScoreAdjOf(half, first(half), capacity)).toBe(500);
    const guaranteed = podOf({ limits: full });
    expect(oomScoreAdjOf(guaranteed, first(guaranteed), capacity)).toBe(-997);
  });

  it('limits the pod only when every container is limited', () => {
    expect(podLimits(podOf({ limits: full }, { limits: full }))).toEqual({
      cpuShares: 2,
      cpuQuotaUs: 100_000,
      memoryBytes: 2 * 2 ** 30,
    });
    expect(podLimits(podOf({ limits: full, requests: full }, { requests: full }))).toEqual({ cpuShares: 1024 });
    expect(podLimits(podOf({}))).toEqual({ cpuShares: 2 });
  });
});
