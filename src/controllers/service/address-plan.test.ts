import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Service } from '../../api/generated/types.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { type IPv4Block, parseBlock } from '../../base/ipv4.ts';
import { type Assignment, planAddresses } from './address-plan.ts';

const pool = parseBlock('192.0.2.0/29') as IPv4Block;

interface Wish {
  holds?: string;
  asks?: string;
  annotation?: string;
  spec?: Partial<Service['spec']>;
}

const service = (n: number, { holds, asks, annotation, spec }: Wish = {}): Service => ({
  metadata: {
    namespace: 'default',
    name: `s${n}`,
    uid: `u${n}`,
    creationTimestamp: `2026-01-01T00:00:0${n}Z`,
    ...(annotation ? { annotations: { 'metallb.io/loadBalancerIPs': annotation } } : {}),
  },
  spec: { type: 'LoadBalancer', ...(asks ? { loadBalancerIP: asks } : {}), ...spec },
  status: holds ? { loadBalancer: { ingress: [{ ip: holds }] } } : {},
});

const plan = (...services: Service[]): Record<string, string | undefined> =>
  Object.fromEntries(
    [...planAddresses(services, pool)].map(([key, assignment]) => [key.slice('default/'.length), textOf(assignment)]),
  );
const textOf = (a: Assignment) => ('address' in a ? a.address : a.refusal);

describe('planAddresses', () => {
  it('gives each the lowest free address, the oldest first', () => {
    expect(plan(service(2), service(1))).toEqual({ s1: '192.0.2.1', s2: '192.0.2.2' });
  });

  it('lets everybody keep what he has', () => {
    expect(plan(service(1), service(2, { holds: '192.0.2.1' }))).toEqual({ s1: '192.0.2.2', s2: '192.0.2.1' });
  });

  it('gives who asks what he asks for, even when he has another', () => {
    expect(plan(service(1, { asks: '192.0.2.5' }), service(2, { annotation: 'fd00::1, 192.0.2.6' }))).toEqual({
      s1: '192.0.2.5',
      s2: '192.0.2.6',
    });
    expect(plan(service(1, { holds: '192.0.2.1', asks: '192.0.2.5' }))).toEqual({ s1: '192.0.2.5' });
  });

  it('refuses what is taken, and what is not in the pool', () => {
    expect(
      plan(
        service(1, { asks: '192.0.2.5' }),
        service(2, { asks: '192.0.2.5' }),
        service(3, { asks: '192.0.2.7' }),
        service(4, { annotation: 'anything' }),
      ),
    ).toEqual({
      s1: '192.0.2.5',
      s2: '192.0.2.5 is the address of default/s1',
      s3: '192.0.2.7 is not an address of the pool',
      s4: 'anything is not an address of the pool',
    });
  });

  it('says so when the pool is empty', () => {
    const services = [1, 2, 3, 4, 5, 6, 7].map((n) => service(n));
    expect(plan(...services)).toMatchObject({ s6: '192.0.2.6', s7: 'no address of the pool is free' });
  });

  it('leaves alone what is of another class or type, or going', () => {
    const going = service(3);
    going.metadata.deletionTimestamp = '2026-01-01T00:00:09Z';
    const others = [
      service(1, { spec: { loadBalancerClass: 'example.com/other' } }),
      service(2, { spec: { type: 'NodePort' } }),
    ];
    expect(plan(...others, going)).toEqual({});
  });

  it('never gives one address twice, and settles at once', () => {
    const address = fc.option(
      fc.nat(9).map((n) => `192.0.2.${n}`),
      { nil: undefined },
    );
    const wishes = fc.array(fc.record({ holds: address, asks: address }), { maxLength: 9 });
    fc.assert(
      fc.property(wishes, (all) => {
        const services = all.map((wish, n) => service(n, wish as Wish));
        const first = planAddresses(services, pool);
        const given = [...first.values()].flatMap((a) => ('address' in a ? [a.address] : []));
        expect(new Set(given).size).toBe(given.length);
        const after = services.map((s) => {
          const a = first.get(keyText(keyOf(s)));
          return { ...s, status: a && 'address' in a ? { loadBalancer: { ingress: [{ ip: a.address }] } } : {} };
        });
        expect(planAddresses(after, pool)).toEqual(first);
      }),
    );
  });
});
