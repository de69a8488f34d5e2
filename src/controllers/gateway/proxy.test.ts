import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  customresourcedefinitions,
  deployments,
  namespaces,
  secrets,
  services,
} from '../../api/generated/resources.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import { gatewayDefinitions } from '../../ingress/gateway/definitions.ts';
import { gatewayOf, routeOf, ruleTo } from '../../ingress/gateway/gateway-fixtures.ts';
import { gatewayControllerName } from '../../ingress/gateway/status.ts';
import {
  type Gateway,
  gatewayclasses,
  gateways,
  type GRPCRoute,
  grpcroutes,
  type HTTPRoute,
  httproutes,
  type Listener,
} from '../../ingress/gateway/types.ts';
import { configurationFile } from '../../ingress/haproxy.ts';
import { pairs, tlsSecret } from '../../ingress/ingress-fixtures.ts';
import { testCluster } from '../test-cluster.ts';

let cluster: ReturnType<typeof testCluster>;
beforeEach(async () => {
  cluster = testCluster({
    ingress: true,
    loadBalancerCidr: '192.0.2.0/24',
    only: ['gateway.definitions', 'gateway.proxy', 'service.load-balancer'],
  });
  await cluster.client.create(namespaces, { metadata: { name: 'infra' } });
});
afterEach(() => cluster.stop());

/** The API server's part, which the fake does not do. */
async function establish(): Promise<void> {
  const { items } = await cluster.client.list(customresourcedefinitions);
  for (const definition of items) {
    const conditions = [{ type: 'Established', status: 'True', reason: 'x', message: '', lastTransitionTime: '' }];
    const status = { acceptedNames: definition.spec.names, conditions, storedVersions: [] };
    await cluster.client.update(customresourcedefinitions, { ...definition, status } as CustomResourceDefinition, {
      subresource: 'status',
    });
  }
}
const start = async () => {
  await cluster.settle();
  await establish();
  await cluster.settle();
};
/** As the fake transport stores it: it sets identity by itself. */
const make = async <T extends KubeObject>(resource: Resource<T>, object: T): Promise<void> => {
  const { uid: _, creationTimestamp: __, ...metadata } = object.metadata;
  await cluster.client.create(resource, { ...object, metadata } as never);
};
const makeWeb = () =>
  cluster.client.create(services, {
    metadata: { namespace: 'infra', name: 'web' },
    spec: { clusterIP: '10.96.0.10', ports: [{ port: 80 }] },
  });
const gate = (): Promise<Gateway> => cluster.client.get(gateways, { namespace: 'infra', name: 'gate' });
const says = (conditions: { type: string; status: string; reason: string }[] = []) =>
  Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
const made = async (resource: Resource) =>
  (await cluster.client.list<KubeObject>(resource, { namespace: 'kube-system' })).items;

describe('gateway.definitions', () => {
  it('makes what is missing and the class, once', async () => {
    await start();
    const { items } = await cluster.client.list(customresourcedefinitions);
    expect(items.map((o) => o.metadata.name).sort()).toEqual(gatewayDefinitions.map((o) => o.metadata.name).sort());
    const one = await cluster.client.get(gatewayclasses, { name: 'knarr' });
    expect(says(one.status?.conditions)).toEqual({ Accepted: 'True Accepted' });
    expect(await cluster.writesOfRestart()).toEqual([]);
  });

  it.each([
    ['v9.9.9', 'v9.9.9'],
    ['v1.0.0-knarr.0', gatewayDefinitions[0]?.metadata.annotations?.['gateway.networking.k8s.io/bundle-version']],
  ])('leaves what others have installed, and renews its own: %s', async (bundle, after) => {
    const [first] = gatewayDefinitions;
    const annotations = { 'gateway.networking.k8s.io/bundle-version': bundle };
    const name = first?.metadata.name ?? '';
    await cluster.client.delete(customresourcedefinitions, { name }).catch(() => undefined);
    await cluster.client.create(customresourcedefinitions, { ...first, metadata: { name, annotations } } as never);
    await cluster.settle();
    const { metadata } = await cluster.client.get(customresourcedefinitions, { name });
    expect(metadata.annotations?.['gateway.networking.k8s.io/bundle-version']).toBe(after);
  });
});

describe('gateway.proxy', () => {
  it('serves a Gateway by a proxy of its own, and says so', async () => {
    await start();
    await makeWeb();
    await make(gateways, gatewayOf({}, { name: 'bad', port: 81, protocol: 'TCP' }));
    await make(httproutes, routeOf({ rules: [ruleTo('web')] }));
    await cluster.settle();
    const { status } = await gate();
    expect(status?.addresses).toEqual([{ type: 'IPAddress', value: '192.0.2.1' }]);
    expect(says(status?.conditions)).toEqual({ Accepted: 'True ListenersNotValid', Programmed: 'True Programmed' });
    expect(status?.listeners?.map(({ attachedRoutes, conditions }) => [attachedRoutes, says(conditions)])).toEqual([
      [
        1,
        {
          Accepted: 'True Accepted',
          Conflicted: 'False NoConflicts',
          ResolvedRefs: 'True ResolvedRefs',
          Programmed: 'True Programmed',
        },
      ],
      [
        1,
        {
          Accepted: 'False UnsupportedProtocol',
          Conflicted: 'False NoConflicts',
          ResolvedRefs: 'True ResolvedRefs',
          Programmed: 'False Invalid',
        },
      ],
    ]);
    const [secret] = (await made(secrets)) as { data?: Record<string, string> }[];
    const text = Buffer.from(secret?.data?.[configurationFile] ?? '', 'base64').toString();
    expect(text).toContain('server s0 10.96.0.10:80');
    expect(await made(deployments)).toHaveLength(1);
    const [route] = (await cluster.client.list<HTTPRoute>(httproutes)).items;
    expect(route?.status?.parents?.map(({ controllerName, conditions }) => [controllerName, says(conditions)])).toEqual(
      [[gatewayControllerName, { Accepted: 'True Accepted', ResolvedRefs: 'True ResolvedRefs' }]],
    );
    expect(await cluster.writesOfRestart()).toEqual([]);
  });

  it('says of a GRPCRoute what has become of it, and counts it', async () => {
    await start();
    await makeWeb();
    await make(gateways, gatewayOf({}));
    const rules = [{ matches: [{ method: { service: 'a.B' } }], backendRefs: [{ name: 'web', port: 80 }] }];
    await make(grpcroutes, routeOf<GRPCRoute>({ hostnames: ['calls.example'], rules }));
    await make(httproutes, routeOf({ hostnames: ['web.example'], rules: [ruleTo('gone')] }));
    await cluster.settle();
    expect((await gate()).status?.listeners).toMatchObject([
      { attachedRoutes: 2, supportedKinds: [{ kind: 'HTTPRoute' }, { kind: 'GRPCRoute' }] },
    ]);
    const saysOf = async (resource: Resource<GRPCRoute> | Resource<HTTPRoute>) =>
      (await cluster.client.list<GRPCRoute | HTTPRoute>(resource)).items.map((route) =>
        says(route.status?.parents?.[0]?.conditions),
      );
    expect(await saysOf(grpcroutes)).toEqual([{ Accepted: 'True Accepted', ResolvedRefs: 'True ResolvedRefs' }]);
    expect(await saysOf(httproutes)).toEqual([{ Accepted: 'True Accepted', ResolvedRefs: 'False BackendNotFound' }]);
    const [secret] = (await made(secrets)) as { data?: Record<string, string> }[];
    const text = Buffer.from(secret?.data?.[configurationFile] ?? '', 'base64').toString();
    expect(text).toContain('server s0 10.96.0.10:80 weight 1 proto h2');
    expect(await cluster.writesOfRestart()).toEqual([]);
  });

  it('keeps the time since when a condition is so, and what other controllers say of a route', async () => {
    await start();
    await make(gateways, gatewayOf({}));
    await make(httproutes, routeOf({ rules: [ruleTo('web')] }));
    await cluster.settle();
    const [route] = (await cluster.client.list<HTTPRoute>(httproutes)).items as [HTTPRoute];
    const other = { parentRef: { name: 'x' }, controllerName: 'example.com/other', conditions: [] };
    const parents = [other, ...(route.status?.parents ?? [])];
    await cluster.client.update(httproutes, { ...route, status: { parents } }, { subresource: 'status' });
    const since = (of: HTTPRoute, type: string) =>
      of.status?.parents?.[1]?.conditions?.find((c) => c.type === type)?.lastTransitionTime;
    await cluster.settle(60_000);
    await makeWeb();
    await cluster.settle();
    const [after] = (await cluster.client.list<HTTPRoute>(httproutes)).items as [HTTPRoute];
    expect(after.status?.parents?.[0]).toEqual(other);
    expect(says(after.status?.parents?.[1]?.conditions)).toMatchObject({ ResolvedRefs: 'True ResolvedRefs' });
    const before = route.status?.parents?.[0]?.conditions?.[0]?.lastTransitionTime;
    expect(since(after, 'Accepted')).toBe(before);
    expect(since(after, 'ResolvedRefs')).not.toBe(before);
  });

  it('goes by what a Gateway asks for: its address, its certificates', async () => {
    await start();
    const tls: Partial<Listener> = { port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'one' }] } };
    const gateway = gatewayOf(tls);
    gateway.spec.addresses = [{ type: 'IPAddress', value: '192.0.2.77' }];
    await make(gateways, gateway);
    await cluster.settle();
    expect(says((await gate()).status?.conditions)).toEqual({
      Accepted: 'False ListenersNotValid',
      Programmed: 'False Invalid',
    });
    expect(await made(deployments)).toEqual([]);
    await cluster.client.create(secrets, tlsSecret('one', pairs.one, 'infra'));
    await cluster.settle();
    expect((await gate()).status?.addresses?.map(({ value }) => value)).toEqual(['192.0.2.77']);
    expect(says((await gate()).status?.conditions)).toEqual({
      Accepted: 'True Accepted',
      Programmed: 'True Programmed',
    });
  });

  it('leaves Gateways of other classes alone, and takes a proxy away with its Gateway', async () => {
    await start();
    const other = gatewayOf({});
    other.metadata.name = 'other';
    other.spec.gatewayClassName = 'other';
    await make(gateways, other);
    await make(gateways, gatewayOf({}));
    await cluster.settle();
    expect(await made(services)).toHaveLength(1);
    expect((await cluster.client.get(gateways, { namespace: 'infra', name: 'other' })).status).toBeUndefined();
    await cluster.client.delete(gateways, { namespace: 'infra', name: 'gate' });
    await cluster.settle();
    expect([...(await made(services)), ...(await made(deployments)), ...(await made(secrets))]).toEqual([]);
  });
});
