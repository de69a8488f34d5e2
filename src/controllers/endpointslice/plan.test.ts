import { expect, it } from 'vitest';
import type { EndpointSlice } from '../../api/generated/types.ts';
import { planSlices } from './plan.ts';

const settled = () => true;
const slice = (part: Partial<EndpointSlice>): EndpointSlice => ({
  metadata: { name: 's' },
  addressType: 'FQDN',
  ...part,
});

it('keeps one empty slice as the API gives it back, with null for nothing', () => {
  const empty = slice({ endpoints: null, ports: null } as unknown as Partial<EndpointSlice>);
  expect(planSlices([empty], [], settled)).toEqual({ create: [], update: [], remove: [] });
  expect(planSlices([empty, slice({})], [], settled).remove).toHaveLength(1);
});

it('replaces the placeholder when there are endpoints', () => {
  const group = { ports: [{ name: '', port: 1 }], endpoints: [{ addresses: ['10.0.0.1'] }] };
  const empty = slice({ ports: [] });
  const plan = planSlices([empty], [group], settled);
  expect(plan).toEqual({ create: [group], update: [], remove: [empty] });
});
