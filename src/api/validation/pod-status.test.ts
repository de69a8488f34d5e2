import { expect, it } from 'vitest';
import type { Pod } from '../generated/types.ts';
import { schema } from '../schema/schema.ts';
import { validatePodStatusUpdate } from './pod-status.ts';

const podWith = (status: object): Pod => {
  const resources = { requests: { 'a.b/gpu': '1' }, limits: { 'a.b/gpu': '1' } };
  const spec = { containers: [{ name: 'c', image: 'i:1', resources }] };
  return schema.codecFor('io.k8s.api.core.v1.Pod').decode({ spec, status }).object as Pod;
};

/** What is wrong with the health of a device that a node reports. */
function refusals(health: object): string[] {
  const resources = [{ resourceID: 'gpu0', health: 'Unhealthy', ...health }];
  const containerStatuses = [{ name: 'c', allocatedResourcesStatus: [{ name: 'a.b/gpu', resources }] }];
  return validatePodStatusUpdate(podWith({ containerStatuses }), podWith({})).map((e) => `${e.field}: ${e.message}`);
}

it('says more of the health of a device in a text of some length, or in none', () => {
  const path = 'status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].message';
  expect(refusals({})).toEqual([]);
  expect(refusals({ message: null })).toEqual([]);
  expect(refusals({ message: 'x'.repeat(1024) })).toEqual([]);
  expect(refusals({ message: '' })).toEqual([`${path}: Required value: must be non-empty if specified`]);
  // Bytes count, not characters.
  const tooLong = `${path}: Too long: may not be more than 1024 bytes`;
  expect(refusals({ message: 'é'.repeat(513) })).toEqual([tooLong]);
});
