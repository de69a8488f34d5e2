import { describe, expect, it } from 'vitest';
import type { Container, PodSpec } from '../api/generated/types.ts';
import { podRequests, podRequestsForScoring } from './pod-requests.ts';

const container = (requests: Record<string, string>, more: Partial<Container> = {}): Container => ({
  name: 'c',
  resources: { requests },
  ...more,
});
const sidecar = (requests: Record<string, string>) => container(requests, { restartPolicy: 'Always' });
const mebibyte = 1024 * 1024;

describe('podRequests', () => {
  it.each<[string, PodSpec, Record<string, number>]>([
    [
      'adds up containers',
      { containers: [container({ cpu: '100m', memory: '1Mi' }), container({ cpu: '1', 'x.io/gpu': '2' })] },
      { cpu: 1100, memory: mebibyte, 'x.io/gpu': 2 },
    ],
    [
      'takes the largest init container where that is more, resource by resource',
      {
        initContainers: [container({ cpu: '3' }), container({ memory: '1Mi' })],
        containers: [container({ cpu: '1', memory: '2Mi' })],
      },
      { cpu: 3000, memory: 2 * mebibyte },
    ],
    [
      'counts a sidecar beside the containers',
      { initContainers: [sidecar({ cpu: '1' })], containers: [container({ cpu: '2' })] },
      { cpu: 3000 },
    ],
    [
      'counts a sidecar beside the init containers after it, not before',
      {
        initContainers: [container({ cpu: '5' }), sidecar({ cpu: '2' }), container({ cpu: '4' })],
        containers: [container({ cpu: '1' })],
      },
      { cpu: 6000 },
    ],
    [
      'lets requests of the pod replace the sum, and adds overhead to either',
      {
        containers: [container({ cpu: '1', memory: '1Mi' })],
        resources: { requests: { cpu: '250m' } },
        overhead: { cpu: '50m', memory: '1Mi' },
      },
      { cpu: 300, memory: 2 * mebibyte },
    ],
    ['rounds up to the unit', { containers: [container({ cpu: '0.0001', memory: '1500m' })] }, { cpu: 1, memory: 2 }],
    ['asks nothing without requests', { containers: [{ name: 'c' }] }, {}],
  ])('%s', (_what, spec, expected) => {
    expect(podRequests(spec)).toEqual(expected);
  });

  it('assumes 100m and 200Mi for what a container leaves out, for scores only', () => {
    const spec: PodSpec = { containers: [container({ cpu: '1' }), { name: 'd' }] };
    expect(podRequestsForScoring(spec)).toEqual({ cpu: 1100, memory: 400 * mebibyte });
    expect(podRequestsForScoring({ ...spec, resources: { requests: { memory: '1Mi' } } })).toEqual({
      cpu: 1100,
      memory: mebibyte,
    });
  });
});
