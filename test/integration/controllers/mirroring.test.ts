import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpoints, endpointslices, services } from '../../../src/api/generated/resources.ts';
import type { EndpointSlice } from '../../../src/api/generated/types.ts';
import { Plane } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({ only: ['endpointslice.mirroring', 'garbage.collection'] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const key = { namespace: 'default', name: 'db' };
const slices = async (): Promise<EndpointSlice[]> =>
  (await plane.list(endpointslices)).filter((s) => s.metadata.labels?.['kubernetes.io/service-name'] === 'db');

describe('EndpointSliceMirroring', () => {
  // EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete
  it('mirrors Endpoints that people write, through create, update and delete', async () => {
    await plane.admin.create(services, { metadata: key, spec: { ports: [{ port: 80 }] } });
    const ports = [{ name: 'sql', port: 5432, protocol: 'TCP' as const }];
    const subsets = [
      { addresses: [{ ip: '10.1.2.3', hostname: 'a' }], notReadyAddresses: [{ ip: '10.1.2.4' }], ports },
    ];
    await plane.admin.create(endpoints, { metadata: { ...key, labels: { tier: 'data' } }, subsets });
    await plane.settle();
    expect(await slices()).toMatchObject([
      {
        metadata: {
          name: expect.stringMatching(/^db-/),
          labels: {
            tier: 'data',
            'kubernetes.io/service-name': 'db',
            'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
          },
          ownerReferences: [{ kind: 'Endpoints', name: 'db', controller: true }],
        },
        addressType: 'IPv4',
        ports,
        endpoints: [
          { addresses: ['10.1.2.3'], conditions: { ready: true }, hostname: 'a' },
          { addresses: ['10.1.2.4'], conditions: { ready: false } },
        ],
      },
    ]);
    expect(await plane.writesOfRestart([endpointslices])).toEqual([]);
    await plane.patch(endpoints, 'db', { subsets: [{ addresses: [{ ip: '10.2.3.4' }, { ip: 'fd00::1' }], ports }] });
    await plane.settle();
    const families = (await slices()).map((s) => [s.addressType, s.endpoints?.map((e) => e.addresses[0])]);
    expect(families.sort()).toEqual([
      ['IPv4', ['10.2.3.4']],
      ['IPv6', ['fd00::1']],
    ]);
    await plane.patch(endpoints, 'db', { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } });
    await plane.settle();
    expect(await slices()).toEqual([]);
    await plane.patch(endpoints, 'db', { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': null } } });
    await plane.settle();
    expect(await slices()).toHaveLength(2);
    await plane.admin.delete(endpoints, key);
    await plane.settle();
    expect(await slices()).toEqual([]);
  });

  it('leaves services with a selector to their own controller', async () => {
    await plane.admin.create(services, { metadata: key, spec: { ports: [{ port: 80 }], selector: { a: 'b' } } });
    await plane.admin.create(endpoints, { metadata: key, subsets: [{ addresses: [{ ip: '10.1.2.3' }] }] });
    await plane.settle();
    expect(await slices()).toEqual([]);
  });
});
