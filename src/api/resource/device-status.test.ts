import { describe, expect, it } from 'vitest';
import type { ResourceClaimStatus, ResourceResourceClaim } from '../generated/types.ts';
import { resourceClaim } from './columns.ts';

const result = (device: string, shareID?: string) => ({
  ...{ request: 'r', driver: 'gpu.example', pool: 'p', device },
  ...(shareID && { shareID }),
});
const said = (device: string, shareID?: string) => ({
  ...{ driver: 'gpu.example', pool: 'p', device },
  ...(shareID && { shareID }),
});
const claim = (status: ResourceClaimStatus): ResourceResourceClaim =>
  ({ metadata: { name: 'c', namespace: 'ns' }, spec: {}, status }) as ResourceResourceClaim;
const allocated = (...results: object[]) => ({ allocation: { devices: { results } } }) as ResourceClaimStatus;

/** What is left of what drivers said. */
function kept(before: ResourceClaimStatus, after: ResourceClaimStatus) {
  const changed = claim(structuredClone(after));
  resourceClaim.prepareForStatusUpdate?.(changed, claim(before));
  return changed.status.devices;
}

describe('what drivers say of the devices of a claim', () => {
  it('goes with the devices', () => {
    const before = { ...allocated(result('d0'), result('d1')), devices: [said('d0'), said('d1')] };
    expect(kept(before, { devices: before.devices })).toBeUndefined();
    expect(kept(before, { ...before, ...allocated(result('d1')) })).toEqual([said('d1')]);
    expect(kept(before, { ...before, devices: [said('d1')] })).toEqual([said('d1')]);
  });

  it('is of one share of a device', () => {
    const before = { ...allocated(result('d0', 'x'), result('d0', 'y')), devices: [said('d0', 'x'), said('d0', 'y')] };
    expect(kept(before, { ...before, ...allocated(result('d0', 'y')) })).toEqual([said('d0', 'y')]);
  });

  it('is left to validation where the claim never had the device', () => {
    expect(kept({}, { devices: [said('d7')] })).toEqual([said('d7')]);
  });
});
