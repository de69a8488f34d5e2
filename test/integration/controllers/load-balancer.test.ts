import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { services } from '../../../src/api/generated/resources.ts';
import type { ServiceSpec } from '../../../src/api/generated/types.ts';
import { Plane } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({ only: ['service.load-balancer'] });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const make = (name: string, spec: Partial<ServiceSpec> = {}) =>
  plane.admin.create(services, {
    metadata: { namespace: 'default', name },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
  });
const ingress = async (name: string) => (await plane.get(services, name)).status?.loadBalancer?.ingress;

describe('services of type LoadBalancer', () => {
  it('get an address each from the pool, told as a virtual one', async () => {
    await make('a');
    await make('b');
    await make('asks', { loadBalancerIP: '192.0.2.77' });
    await make('other', { loadBalancerClass: 'example.com/other' });
    await plane.settle();
    expect(await ingress('a')).toEqual([{ ip: '192.0.2.1', ipMode: 'VIP' }]);
    expect(await ingress('b')).toEqual([{ ip: '192.0.2.2', ipMode: 'VIP' }]);
    expect(await ingress('asks')).toEqual([{ ip: '192.0.2.77', ipMode: 'VIP' }]);
    expect(await ingress('other')).toBeUndefined();
    expect(await plane.eventReasons()).toContain('IPAllocated');
    expect(await plane.writesOfRestart([services])).toEqual([]);
  });

  it('wait for an address that another has until that goes', async () => {
    await make('a', { loadBalancerIP: '192.0.2.7' });
    await plane.settle();
    await make('b', { loadBalancerIP: '192.0.2.7' });
    await plane.settle();
    expect(await ingress('b')).toBeUndefined();
    expect(await plane.eventReasons()).toContain('AllocationFailed');
    await plane.admin.delete(services, { namespace: 'default', name: 'a' });
    await plane.settle();
    expect(await ingress('b')).toEqual([{ ip: '192.0.2.7', ipMode: 'VIP' }]);
  });

  it('have a port for health checks of their own, where traffic stays on its node', async () => {
    const spec = { externalTrafficPolicy: 'Local' as const };
    const [a, b] = await Promise.all([make('a', spec), make('b', spec)]);
    const port = a.spec.healthCheckNodePort;
    expect(port).toBeGreaterThanOrEqual(30_000);
    const ports = [a, b].flatMap((s) => [s.spec.healthCheckNodePort, s.spec.ports?.[0]?.nodePort]);
    expect(new Set(ports).size).toBe(4);
    const same = { ...spec, healthCheckNodePort: port };
    await expect(make('c', same)).rejects.toThrow('provided port is already allocated');
    expect((await plane.patch(services, 'a', { metadata: { labels: { x: 'y' } } })).spec).toEqual(a.spec);
    await plane.patch(services, 'a', { spec: { externalTrafficPolicy: 'Cluster' } });
    expect((await make('c', same)).spec.healthCheckNodePort).toBe(port);
  });

  it('go without node ports when they say so', async () => {
    const { spec } = await make('a', { allocateLoadBalancerNodePorts: false });
    expect(spec.ports?.[0]?.nodePort).toBeUndefined();
  });

  it('give it back when they become something else', async () => {
    await make('a');
    await plane.settle();
    await plane.patch(services, 'a', { spec: { type: 'ClusterIP' } });
    await plane.settle();
    expect(await ingress('a')).toBeUndefined();
    await make('b');
    await plane.settle();
    expect(await ingress('b')).toEqual([{ ip: '192.0.2.1', ipMode: 'VIP' }]);
  });
});
