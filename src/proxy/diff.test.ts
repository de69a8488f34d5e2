import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterDiff, diff } from './diff.ts';
import { FakeNft } from '../nft/fake.ts';
import { contentOf, render, type ServiceState } from './ruleset.ts';
import { testNode, testService, testSlice } from './service-fixtures.ts';
import { ownSets } from './sets.ts';

const service = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  sticky: fc.boolean(),
  isLocal: fc.boolean(),
  protocol: fc.constantFrom('TCP', 'UDP') as fc.Arbitrary<'TCP' | 'UDP'>,
  externalIP: fc.constantFrom(undefined, '192.0.2.1', '192.0.2.2'),
  endpoints: fc.uniqueArray(fc.nat(90), { maxLength: 80 }),
});

const state: fc.Arbitrary<ServiceState> = fc
  .uniqueArray(service, { selector: (s) => s.name, maxLength: 3 })
  .map((made) => ({
    services: made.map((s) =>
      testService(s.name, {
        type: 'NodePort',
        clusterIP: `10.96.1.${s.name.charCodeAt(0)}`,
        ports: [{ port: 80, nodePort: 30000 + s.name.charCodeAt(0), protocol: s.protocol }],
        externalTrafficPolicy: s.isLocal ? 'Local' : 'Cluster',
        ...(s.sticky ? { sessionAffinity: 'ClientIP' as const } : {}),
        ...(s.externalIP ? { externalIPs: [s.externalIP] } : {}),
      }),
    ),
    endpointSlices: made.map((s) => {
      const endpoints = s.endpoints.map((n) => ({ address: `10.244.0.${n}`, nodeName: `node-${(n % 2) + 1}` }));
      return testSlice(s.name, endpoints);
    }),
  }));

describe('diff', () => {
  it('applied in sequence gives what rendering gives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(state, { minLength: 2, maxLength: 4 }), async ([first, ...rest]) => {
        const nft = new FakeNft();
        let current = render(first ?? expect.fail(), testNode);
        await nft.replace(contentOf(current));
        for (const next of rest) {
          const to = render(next, testNode, current);
          await nft.apply(diff(current, to));
          current = afterDiff(current, to);
          for (const set of ownSets) expect(await nft.list(set), set).toEqual(current.elements[set]);
          expect(diff(current, render(next, testNode, current))).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('replaces one of many endpoints by one element', () => {
    const web = testService('web', { clusterIP: '10.96.0.20' });
    const of = (addresses: string[]) => ({ services: [web], endpointSlices: [testSlice('web', addresses)] });
    const from = render(of(['10.244.9.1', '10.244.9.2', '10.244.9.3']), { ...testNode, name: 'other' });
    const to = render(of(['10.244.9.1', '10.244.9.4', '10.244.9.3']), { ...testNode, name: 'other' }, from);
    expect(diff(from, to)).toEqual([
      { op: 'delete', set: 'endpoints', elements: [['10.96.0.20 . tcp . 80 . 1', '10.244.9.2 . 8080']] },
      { op: 'add', set: 'endpoints', elements: [['10.96.0.20 . tcp . 80 . 1', '10.244.9.4 . 8080']] },
    ]);
  });
});
