import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployments, events, ingressclasses, ingresses, secrets, services } from '../../api/generated/resources.ts';
import type { Ingress } from '../../api/generated/types.ts';
import { ingressControllerName } from '../../api/networking/ingress-controller.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import { configurationFile, versionFile } from '../../ingress/haproxy.ts';
import { pairs, tlsSecret } from '../../ingress/ingress-fixtures.ts';
import { testCluster } from '../test-cluster.ts';

let cluster: ReturnType<typeof testCluster>;
beforeEach(async () => {
  cluster = testCluster({
    ingress: true,
    loadBalancerCidr: '192.0.2.0/24',
    only: ['ingress.proxy', 'service.load-balancer'],
  });
  const { client } = cluster;
  await client.create(ingressclasses, { metadata: { name: 'knarr' }, spec: { controller: ingressControllerName } });
  await client.create(ingressclasses, { metadata: { name: 'other' }, spec: { controller: 'example.com/other' } });
  await client.create(services, {
    metadata: { namespace: 'default', name: 'web' },
    spec: { clusterIP: '10.96.0.10', ports: [{ port: 80 }] },
  });
});
afterEach(() => cluster.stop());

const at = { namespace: 'kube-system', name: 'knarr-ingress' };
const make = (name: string, spec: Partial<Ingress['spec']> = {}, annotations?: Record<string, string>) =>
  cluster.client.create(ingresses, {
    metadata: { namespace: 'default', name, ...(annotations ? { annotations } : {}) },
    spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } }, ...spec },
  });
const addressOf = async (name: string) =>
  (await cluster.client.get(ingresses, { namespace: 'default', name })).status?.loadBalancer?.ingress;
const configuration = async (): Promise<string> => {
  const { data } = await cluster.client.get(secrets, at);
  return Buffer.from(data?.[configurationFile] ?? '', 'base64').toString();
};
const names = async (resource: Resource): Promise<string[]> =>
  (await cluster.client.list<KubeObject>(resource, { namespace: 'kube-system' })).items.map((o) => o.metadata.name);
const madeNames = async () => [...(await names(deployments)), ...(await names(services)), ...(await names(secrets))];

describe('ingress.proxy', () => {
  it('has no proxy while no Ingress is of its class, and writes nothing', async () => {
    await make('other', { ingressClassName: 'other' });
    await make('none');
    await cluster.settle();
    expect(await madeNames()).toEqual([]);
    expect(await addressOf('other')).toBeUndefined();
  });

  it('makes a proxy for all, and tells them its address', async () => {
    await make('a', { ingressClassName: 'knarr' });
    await make('b', {}, { 'kubernetes.io/ingress.class': 'knarr' });
    await cluster.settle();
    expect(await madeNames()).toEqual(['knarr-ingress', 'knarr-ingress', 'knarr-ingress']);
    expect(await configuration()).toContain('server s0 10.96.0.10:80');
    expect(await addressOf('a')).toEqual([{ ip: '192.0.2.1' }]);
    expect(await addressOf('b')).toEqual([{ ip: '192.0.2.1' }]);
    expect(await cluster.writesOfRestart()).toEqual([]);
  });

  it('follows services, and puts back what somebody took away', async () => {
    await make('a', { ingressClassName: 'knarr' });
    await cluster.settle();
    const { client } = cluster;
    await client.delete(services, { namespace: 'default', name: 'web' });
    await cluster.settle();
    expect(await configuration()).not.toContain('server s0');
    const { items } = await client.list(events);
    expect(items.map(({ reason, message }) => [reason, message])).toContainEqual([
      'Unresolved',
      'service "default/web" not found',
    ]);
    await client.delete(deployments, at);
    await cluster.settle();
    expect(await names(deployments)).toEqual(['knarr-ingress']);
  });

  it('serves TLS while there is a certificate', async () => {
    const { client } = cluster;
    const { one } = pairs;
    await client.create(secrets, tlsSecret('one', one));
    await make('a', { ingressClassName: 'knarr', tls: [{ hosts: ['one.example.com'], secretName: 'one' }] });
    await cluster.settle();
    const ports = async () => (await client.get(services, at)).spec.ports?.map(({ port }) => port);
    const files = async () => Object.keys((await client.get(secrets, at)).data ?? {});
    expect(await ports()).toEqual([80, 443]);
    expect(await files()).toHaveLength(4);
    await client.delete(secrets, { namespace: 'default', name: 'one' });
    await cluster.settle();
    expect(await ports()).toEqual([80]);
    expect(await files()).toEqual([configurationFile, versionFile]);
  });

  it('goes on with what it had when there is more than a Secret holds, and says so', async () => {
    await make('a', { ingressClassName: 'knarr' });
    await cluster.settle();
    const before = await configuration();
    const paths = Array.from({ length: 3000 }, (_, i) => ({
      path: `/${i}/${'x'.repeat(200)}`,
      pathType: 'Prefix' as const,
      backend: { service: { name: 'web', port: { number: 80 } } },
    }));
    await make('huge', { ingressClassName: 'knarr', rules: [{ http: { paths } }] });
    await cluster.settle();
    expect(await configuration()).toBe(before);
    const { items } = await cluster.client.list(events);
    expect(
      items.filter(({ message }) => message?.includes('more than a Secret')).map((e) => e.involvedObject.name),
    ).toEqual(['huge']);
    await cluster.client.delete(ingresses, { namespace: 'default', name: 'huge' });
    await make('b', { ingressClassName: 'knarr', rules: [{ host: 'b.example.com' }] });
    await cluster.settle();
    expect(await configuration()).toContain('b.example.com');
  });

  it('takes its address from an Ingress that goes to another class', async () => {
    await make('a', { ingressClassName: 'knarr' });
    await cluster.settle();
    const key = { namespace: 'default', name: 'a' };
    await cluster.client.patch(ingresses, key, { type: 'merge', body: { spec: { ingressClassName: 'other' } } });
    await cluster.settle();
    expect(await addressOf('a')).toBeUndefined();
    expect(await madeNames()).toEqual([]);
  });

  it('leaves to people how many there are', async () => {
    await make('a', { ingressClassName: 'knarr' });
    await cluster.settle();
    await cluster.client.patch(deployments, at, { type: 'merge', body: { spec: { replicas: 3 } } });
    await cluster.settle();
    expect((await cluster.client.get(deployments, at)).spec.replicas).toBe(3);
  });

  it('removes the proxy with the last Ingress', async () => {
    await make('a', { ingressClassName: 'knarr' });
    await cluster.settle();
    await cluster.client.delete(ingresses, { namespace: 'default', name: 'a' });
    await cluster.settle();
    expect(await madeNames()).toEqual([]);
  });
});
