import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployments, ingresses, secrets, services } from '../../../src/api/generated/resources.ts';
import type { Resource } from '../../../src/api/resource.ts';
import { Plane } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({ only: ['ingress.proxy', 'service.load-balancer'] });
  await plane.admin.create(services, {
    metadata: { namespace: 'default', name: 'web' },
    spec: { ports: [{ port: 80 }] },
  });
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const at = { namespace: 'kube-system', name: 'knarr-ingress' };
const make = (name: string) =>
  plane.admin.create(ingresses, {
    metadata: { namespace: 'default', name },
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } },
  });

describe('Ingresses', () => {
  it('get a proxy with an address, and lose it with the last of them', async () => {
    await make('a');
    await make('b');
    await plane.settle();
    for (const name of ['a', 'b']) {
      const { status } = await plane.get(ingresses, name);
      expect(status?.loadBalancer?.ingress).toEqual([{ ip: '192.0.2.1' }]);
    }
    const [service, deployment] = [await plane.admin.get(services, at), await plane.admin.get(deployments, at)];
    expect(service.spec).toMatchObject({ externalTrafficPolicy: 'Local', allocateLoadBalancerNodePorts: false });
    expect(deployment.spec.template.spec?.containers.map(({ image }) => image)).toEqual(['knarr.local/haproxy:1']);
    expect(await plane.writesOfRestart([ingresses, services, deployments, secrets])).toEqual([]);

    const { metadata } = await plane.admin.get(secrets, at);
    await plane.patch(services, 'web', { spec: { ports: [{ port: 81 }] } });
    await plane.settle();
    expect((await plane.admin.get(secrets, at)).metadata.resourceVersion).not.toBe(metadata.resourceVersion);
    for (const name of ['a', 'b']) await plane.admin.delete(ingresses, { namespace: 'default', name });
    await plane.settle();
    const resources: Resource[] = [services, deployments, secrets];
    const left = await Promise.all(resources.map((resource) => plane.list(resource, 'kube-system')));
    expect(left.flat().map((o) => o.metadata.name)).not.toContain('knarr-ingress');
  });
});
