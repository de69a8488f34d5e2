import { describe, expect, it } from 'vitest';
import type {
  DeviceTaint,
  DeviceTaintRule,
  DeviceToleration,
  ResourceResourceClaim,
  ResourceSlice,
} from '../../api/generated/types.ts';
import { deviceEvictionTime } from './device-taints.ts';

const nowMs = Date.UTC(2026, 0, 1, 0, 1);
const timeAdded = '2026-01-01T00:00:00Z';
const broken: DeviceTaint = { key: 'broken', effect: 'NoExecute', timeAdded };

const claim = (tolerations?: DeviceToleration[], device = 'd0'): ResourceResourceClaim => ({
  metadata: { name: 'c' },
  spec: {},
  status: {
    allocation: { devices: { results: [{ request: 'r', driver: 'x', pool: 'p', device, tolerations }] } },
  },
});
const slice = (taints: DeviceTaint[], { generation = 1, device = 'd0' } = {}): ResourceSlice => ({
  metadata: { name: 's', creationTimestamp: '2026-01-01T00:00:30Z' },
  spec: {
    driver: 'x',
    pool: { name: 'p', generation, resourceSliceCount: 1 },
    devices: [{ name: device, taints }],
  },
});
const rule = (deviceSelector: DeviceTaintRule['spec']['deviceSelector']): DeviceTaintRule => ({
  metadata: { name: 'r' },
  spec: { deviceSelector, taint: broken },
  status: {},
});
/** Seconds from now. */
const due = (claims: ResourceResourceClaim[], slices: ResourceSlice[], rules: DeviceTaintRule[] = []) => {
  const slicesOf = (pool: string) => (pool === 'x/p' ? slices : []);
  const ms = deviceEvictionTime(claims, { slicesOf, rules }, nowMs);
  return ms === undefined ? undefined : (ms - nowMs) / 1000;
};

describe('a pod with claimed devices', () => {
  it('goes at once for a NoExecute taint of one that nothing tolerates', () => {
    expect(due([claim()], [slice([broken])])).toBe(0);
    expect(due([claim()], [slice([{ ...broken, effect: 'NoSchedule' }])])).toBeUndefined();
    expect(due([claim(undefined, 'd1')], [slice([broken])])).toBeUndefined();
    expect(due([claim()], [])).toBeUndefined();
  });

  it('stays as long as the shortest toleration says, counted from the taint', () => {
    const tolerate = (tolerationSeconds?: number): DeviceToleration => ({
      key: 'broken',
      operator: 'Exists',
      tolerationSeconds,
    });
    expect(due([claim([tolerate(300), tolerate(90)])], [slice([broken])])).toBe(30);
    expect(due([claim([tolerate(300), tolerate()])], [slice([broken])])).toBeUndefined();
    expect(due([claim([tolerate(-5)])], [slice([broken])])).toBe(-60);
    // A driver that does not say since when: since its slice is there.
    expect(due([claim([tolerate(90)])], [slice([{ key: 'broken', effect: 'NoExecute' }])])).toBe(60);
    expect(due([claim([{ ...tolerate(300), key: 'other' }])], [slice([broken])])).toBe(0);
    expect(due([claim([tolerate(300)]), claim([tolerate(70)])], [slice([broken])])).toBe(10);
  });

  it('is not judged by what an older generation of the pool says', () => {
    expect(due([claim()], [slice([broken]), slice([], { generation: 2 })])).toBeUndefined();
  });

  it('goes for rules, too: those that select the device by all they name', () => {
    const slices = [slice([])];
    expect(due([claim()], slices, [rule({ driver: 'x' })])).toBe(0);
    expect(due([claim()], slices, [rule({ driver: 'x', pool: 'p', device: 'd0' })])).toBe(0);
    expect(due([claim()], slices, [rule({ driver: 'x', device: 'd1' })])).toBeUndefined();
    expect(due([claim()], slices, [rule(undefined)])).toBeUndefined();
  });
});
