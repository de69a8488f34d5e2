import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointSlice, Service } from '../api/generated/types.ts';
import { FakeNft } from '../nft/fake.ts';
import type { Elements, TableContent } from '../nft/table.ts';
import { render } from './render.ts';
import { ServiceBook } from './service-book.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';
import { ownSets } from './sets.ts';

const name = fc.constantFrom('a', 'b', 'c');
const service = fc.record({
  name,
  sticky: fc.boolean(),
  isLocal: fc.boolean(),
  protocol: fc.constantFrom('TCP', 'UDP') as fc.Arbitrary<'TCP' | 'UDP'>,
  // Few for many: two services that want one address.
  externalIP: fc.constantFrom(undefined, '192.0.2.1', '192.0.2.2'),
  ranges: fc.constantFrom<string[][]>(
    [],
    ['198.51.100.0/24'],
    ['198.51.100.0/24', '198.51.100.7/32', '203.0.113.1/32'],
  ),
});
const slice = fc.record({ name, endpoints: fc.uniqueArray(fc.nat(90), { maxLength: 80 }) });

type Step = { service: Service; gone: boolean } | { slice: EndpointSlice; gone: boolean } | { zone: string } | 'write';
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ service, gone: fc.nat(3) }).map(({ service: s, gone }) => ({
    gone: gone === 0,
    service: testService(
      s.name,
      {
        type: 'LoadBalancer',
        clusterIP: `10.96.1.${s.name.charCodeAt(0)}`,
        ports: [{ port: 80, nodePort: 30000 + s.name.charCodeAt(0), protocol: s.protocol }],
        externalTrafficPolicy: s.isLocal ? 'Local' : 'Cluster',
        ...(s.sticky ? { sessionAffinity: 'ClientIP' as const } : {}),
        loadBalancerSourceRanges: s.ranges,
        ...(s.externalIP ? { externalIPs: [s.externalIP] } : {}),
      },
      { status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } } },
    ),
  })),
  fc.record({ slice, gone: fc.nat(3) }).map(({ slice: s, gone }) => ({
    gone: gone === 0,
    slice: testSlice(
      s.name,
      s.endpoints.map((n) => ({ address: `10.244.0.${n}`, nodeName: `node-${(n % 2) + 1}` })),
    ),
  })),
  fc.constantFrom('x', 'y').map((zone) => ({ zone })),
  fc.constant('write' as const),
);

function take(book: ServiceBook, step: Exclude<Step, 'write'>): void {
  if ('zone' in step) return book.setNode({ ...testNode, zone: step.zone });
  if ('service' in step) return step.gone ? book.removeService(step.service) : book.setService(step.service);
  return step.gone ? book.removeSlice(step.slice) : book.setSlice(step.slice);
}

function lastState(steps: readonly Step[]) {
  const services = new Map<string, Service>();
  const slices = new Map<string, EndpointSlice>();
  for (const one of steps) {
    if (one === 'write' || 'zone' in one) continue;
    const [map, object] = 'service' in one ? [services, one.service] : [slices, one.slice];
    if (one.gone) map.delete(object.metadata.name);
    else (map as Map<string, object>).set(object.metadata.name, object);
  }
  return { services: services.values(), endpointSlices: slices.values() };
}

/** Which endpoints each frontend has, whatever their slots. */
const withoutSlots = (elements: Elements | undefined): string[] =>
  [...(elements ?? [])].map(([key, value]) => `${key.split(' . ').slice(0, 3).join(' . ')} ${value}`).sort();

const elementsOf = async (content: TableContent) => {
  const nft = new FakeNft();
  await nft.replace(content);
  return nft.table?.elements ?? expect.fail();
};

describe('ServiceBook', () => {
  it('comes to what rendering gives, by transactions that the table takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const book = new ServiceBook(testNode);
        const nft = new FakeNft();
        await nft.replace(book.takeContent());
        for (const one of [...steps, 'write' as const]) {
          if (one === 'write') await nft.apply(book.takeChanges());
          else take(book, one);
        }
        const wanted = await elementsOf(render(lastState(steps), testNode));
        for (const set of ownSets) {
          const found = nft.table?.elements.get(set);
          if (set !== 'endpoints' && set !== 'tokens') expect(found, set).toEqual(wanted.get(set));
          expect(withoutSlots(found), set).toEqual(withoutSlots(wanted.get(set)));
        }
        expect(book.takeChanges()).toEqual([]);
        expect(await elementsOf(book.takeContent())).toEqual(nft.table?.elements);
      }),
      { numRuns: 150 },
    );
  });

  it('replaces one of many endpoints by one element', () => {
    const book = new ServiceBook({ ...testNode, name: 'other' });
    book.setService(testService('web', { clusterIP: '10.96.0.20' }));
    book.setSlice(testSlice('web', ['10.244.9.1', '10.244.9.2', '10.244.9.3']));
    book.takeChanges();
    book.setSlice(testSlice('web', ['10.244.9.1', '10.244.9.4', '10.244.9.3']));
    expect(book.takeChanges()).toEqual([
      { op: 'delete', set: 'endpoints', elements: [['10.96.0.20 . tcp . 80 . 1', '10.244.9.2 . 8080']] },
      { op: 'add', set: 'endpoints', elements: [['10.96.0.20 . tcp . 80 . 1', '10.244.9.4 . 8080']] },
    ]);
  });

  it('gives an address that two services want to the first by name, and to the next when that goes', () => {
    const book = new ServiceBook(testNode);
    const wants = (name: string) =>
      testService(name, { clusterIP: `10.96.0.${name.charCodeAt(0)}`, externalIPs: ['192.0.2.1'] });
    const winner = () => {
      const { endpoints } = book.takeContent().elements;
      return endpoints?.get('192.0.2.1 . tcp . 80 . 0');
    };
    book.setSlice(testSlice('a', ['10.244.0.1']));
    book.setSlice(testSlice('b', ['10.244.0.2']));
    book.setService(wants('b'));
    expect(winner()).toBe('10.244.0.2 . 8080');
    book.setService(wants('a'));
    expect(winner()).toBe('10.244.0.1 . 8080');
    book.removeService(wants('a'));
    expect(winner()).toBe('10.244.0.2 . 8080');
  });
});
