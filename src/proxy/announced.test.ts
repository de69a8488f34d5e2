import { describe, expect, it } from 'vitest';
import type { Node } from '../api/generated/types.ts';
import { type AnnouncedState, announcedAddresses } from './announced.ts';
import { testService, testSlice } from './service-fixtures.ts';

const balanced = (n: number, spec = {}) =>
  testService(
    `s${n}`,
    { type: 'LoadBalancer', clusterIP: `10.96.1.${n}`, ...spec },
    { status: { loadBalancer: { ingress: [{ ip: `172.29.0.${n}`, ipMode: 'VIP' }] } } },
  );
const node = (name: string, { ready = true, address = '172.30.0.11' } = {}): Node => ({
  metadata: { name, uid: `uid-${name}` } as Node['metadata'],
  spec: {},
  status: {
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'Unknown' }],
    addresses: [{ type: 'InternalIP', address }],
  },
});

const many = Array.from({ length: 60 }, (_, i) => balanced(i + 1));
const ownersOf = (state: AnnouncedState): Map<string, string> => {
  const owners = new Map<string, string>();
  for (const { metadata } of state.nodes) {
    const self = { name: metadata.name, pool: '172.29.0.0/24', linkCIDR: '172.30.0.0/24' };
    for (const address of announcedAddresses(state, self)) {
      expect(owners.has(address), `two nodes answer for ${address}`).toBe(false);
      owners.set(address, metadata.name);
    }
  }
  return owners;
};
const stateOf = (nodes: Node[], services = many, slicesOf: AnnouncedState['slicesOf'] = () => []) => ({
  ...{ services, slicesOf, nodes },
});

describe('announcedAddresses', () => {
  it('gives every address to one node, and to each its share', () => {
    const owners = ownersOf(stateOf([node('a'), node('b'), node('c')]));
    expect(owners.size).toBe(60);
    for (const name of ['a', 'b', 'c'])
      expect([...owners.values()].filter((n) => n === name).length).toBeGreaterThan(8);
  });

  it('moves only what a node had that goes', () => {
    const before = ownersOf(stateOf([node('a'), node('b'), node('c')]));
    const after = ownersOf(stateOf([node('a'), node('b'), node('c', { ready: false })]));
    expect(after.size).toBe(60);
    for (const [address, owner] of before) if (owner !== 'c') expect(after.get(address)).toBe(owner);
  });

  it('asks only nodes on the link', () => {
    const owners = ownersOf(stateOf([node('a'), node('far', { address: '192.0.2.5' })]));
    expect(new Set(owners.values())).toEqual(new Set(['a']));
  });

  it('asks only nodes with endpoints, where traffic stays on its node', () => {
    const service = balanced(1, { externalTrafficPolicy: 'Local' });
    const slices = [testSlice('s1', [{ address: '10.244.1.2', nodeName: 'b' }])];
    expect(ownersOf(stateOf([node('a'), node('b')], [service], () => slices)).get('172.29.0.1')).toBe('b');
    expect(ownersOf(stateOf([node('a'), node('b')], [service])).size).toBe(0);
  });

  it('leaves alone what is not of the pool, or of another proxy', () => {
    const elsewhere = testService(
      'x',
      { type: 'LoadBalancer', clusterIP: '10.96.2.1' },
      {
        status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
      },
    );
    const other = balanced(2);
    other.metadata.labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
    expect(ownersOf(stateOf([node('a')], [elsewhere, other])).size).toBe(0);
  });
});
