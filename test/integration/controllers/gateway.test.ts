import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { customresourcedefinitions, deployments, secrets, services } from '../../../src/api/generated/resources.ts';
import type { KubeObject, Resource } from '../../../src/api/resource.ts';
import {
  type Gateway,
  gatewayclasses,
  gateways,
  type GRPCRoute,
  grpcroutes,
  type HTTPRoute,
  httproutes,
  type Listener,
  referencegrants,
} from '../../../src/ingress/gateway/types.ts';
import { configurationFile, versionFile } from '../../../src/ingress/haproxy.ts';
import { mirrorFile } from '../../../src/ingress/mirror.ts';
import { Plane } from './plane.ts';

let plane: Plane;
beforeEach(async () => {
  plane = await Plane.start({
    only: ['gateway.definitions', 'gateway.proxy', 'service.load-balancer', 'garbage.collection', 'namespace.deletion'],
  });
  await plane.settle(5000);
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const create = <T extends KubeObject>(resource: Resource<T>, name: string, spec: object): Promise<T> =>
  plane.admin.create(resource, {
    metadata: { ...(resource.namespaced ? { namespace: 'default' } : {}), name },
    spec,
  } as never);
const gate = (...listeners: Partial<Listener>[]): Promise<Gateway> =>
  create(gateways, 'gate', {
    gatewayClassName: 'knarr',
    listeners: listeners.map((l, i) => ({ name: `l${i}`, port: 80, protocol: 'HTTP', ...l })),
  });
const web = () => create(services, 'web', { ports: [{ port: 80 }] });
const mirrored = (share: object) => ({
  rules: [{ filters: [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'web', port: 80 }, ...share } }] }],
});
const says = (conditions: { type: string; status: string; reason: string }[] = []) =>
  Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));

describe('Gateway API', () => {
  it('is defined, with its class, and nothing runs', async () => {
    const definitions = await plane.list(customresourcedefinitions);
    for (const { status } of definitions) {
      expect(says(status.conditions as never)).toMatchObject({ Established: 'True InitialNamesAccepted' });
      expect(says(status.conditions as never)).not.toHaveProperty('NonStructuralSchema');
    }
    expect(says((await plane.get(gatewayclasses, 'knarr')).status?.conditions)).toEqual({ Accepted: 'True Accepted' });
    expect(await plane.writesOfRestart([customresourcedefinitions, gatewayclasses])).toEqual([]);
  });

  it('serves a Gateway and its routes, and takes all away with it', async () => {
    const { spec } = await web();
    await gate({});
    const route = await create(httproutes, 'r', {
      parentRefs: [{ name: 'gate' }],
      rules: [
        { backendRefs: [{ name: 'web', port: 80 }], filters: [{ type: 'RequestRedirect', requestRedirect: {} }] },
        { backendRefs: [{ name: 'web', port: 80 }] },
      ],
    });
    expect(route.spec).toMatchObject({
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gate' }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          filters: [{ requestRedirect: { statusCode: 302 } }],
        },
        { backendRefs: [{ group: '', kind: 'Service', weight: 1 }] },
      ],
    });
    await plane.settle();
    const { status, metadata } = await plane.get(gateways, 'gate');
    expect(status?.addresses).toEqual([{ type: 'IPAddress', value: '192.0.2.1' }]);
    expect(says(status?.conditions)).toEqual({ Accepted: 'True Accepted', Programmed: 'True Programmed' });
    expect(status?.listeners?.[0]?.attachedRoutes).toBe(1);
    expect(status?.conditions?.[0]?.observedGeneration).toBe(metadata.generation);
    const { parents } = (await plane.get<HTTPRoute>(httproutes, 'r')).status ?? {};
    expect(says(parents?.[0]?.conditions)).toEqual({ Accepted: 'True Accepted', ResolvedRefs: 'True ResolvedRefs' });
    const [secret] = await plane.list(secrets, 'kube-system');
    const text = Buffer.from(secret?.data?.[configurationFile] ?? '', 'base64').toString();
    expect(text).toContain(`server s0 ${spec.clusterIP}:80 weight 1`);
    expect(await plane.writesOfRestart([gateways, httproutes, services, deployments, secrets])).toEqual([]);
    await plane.admin.delete(gateways, { namespace: 'default', name: 'gate' });
    await plane.settle();
    expect((await plane.list(deployments, 'kube-system')).length).toBe(0);
    expect((await plane.get<HTTPRoute>(httproutes, 'r')).status?.parents).toEqual([]);
  });

  it('serves a GRPCRoute beside it, with mirrors', async () => {
    await web();
    await gate({});
    const backendRef = { name: 'web', port: 80 };
    const mirror = { type: 'RequestMirror', requestMirror: { backendRef, fraction: { numerator: 1 } } };
    const route = await create(grpcroutes, 'calls', {
      parentRefs: [{ name: 'gate' }],
      rules: [{ matches: [{ method: { service: 'a.B' } }], filters: [mirror], backendRefs: [backendRef] }],
    });
    expect(route.spec.rules).toMatchObject([
      {
        matches: [{ method: { type: 'Exact', service: 'a.B' } }],
        filters: [{ requestMirror: { backendRef: { kind: 'Service' }, fraction: { numerator: 1, denominator: 100 } } }],
        backendRefs: [{ group: '', kind: 'Service', weight: 1 }],
      },
    ]);
    await plane.settle();
    expect((await plane.get(gateways, 'gate')).status?.listeners?.[0]?.attachedRoutes).toBe(1);
    const { parents } = (await plane.get<GRPCRoute>(grpcroutes, 'calls')).status ?? {};
    expect(says(parents?.[0]?.conditions)).toEqual({ Accepted: 'True Accepted', ResolvedRefs: 'True ResolvedRefs' });
    const [secret] = await plane.list(secrets, 'kube-system');
    expect(Object.keys(secret?.data ?? {}).sort()).toEqual([configurationFile, mirrorFile, versionFile].sort());
    expect(await plane.writesOfRestart([gateways, grpcroutes, services, deployments, secrets])).toEqual([]);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      "One or both of 'service' or 'method' must be specified",
      () => create(grpcroutes, 'r', { rules: [{ matches: [{ method: {} }] }] }),
    ],
    [
      'service must only contain letters',
      () => create(grpcroutes, 'r', { rules: [{ matches: [{ method: { service: 'a/b' } }] }] }),
    ],
    [
      'Unsupported value: "URLRewrite"',
      () => create(grpcroutes, 'r', { rules: [{ filters: [{ type: 'URLRewrite' }] }] }),
    ],
    [
      'Only one of percent or fraction may be specified',
      () => create(httproutes, 'r', mirrored({ percent: 1, fraction: { numerator: 1 } })),
    ],
    [
      'numerator must be less than or equal to denominator',
      () => create(httproutes, 'r', mirrored({ fraction: { numerator: 2, denominator: 1 } })),
    ],
    [
      'filter.requestMirror must be specified',
      () => create(httproutes, 'r', { rules: [{ filters: [{ type: 'RequestMirror' }] }] }),
    ],
    [
      'Must have port for Service reference',
      () => create(httproutes, 'r', { rules: [{ backendRefs: [{ name: 'web' }] }] }),
    ],
    [
      "value must be an absolute path and start with '/'",
      () => create(httproutes, 'r', { rules: [{ matches: [{ path: { value: 'x' } }] }] }),
    ],
    [
      'not both',
      () =>
        create(httproutes, 'r', {
          rules: [
            {
              filters: [
                { type: 'RequestRedirect', requestRedirect: {} },
                { type: 'URLRewrite', urlRewrite: {} },
              ],
            },
          ],
        }),
    ],
    ['Combination of port, protocol and hostname must be unique', () => gate({}, {})],
    ['tls must not be specified for protocols', () => gate({ tls: { certificateRefs: [{ name: 'x' }] } })],
    ['Unsupported value: "PUSH"', () => create(httproutes, 'r', { rules: [{ matches: [{ method: 'PUSH' }] }] })],
    ['spec.from: Required value', () => create(referencegrants, 'g', { to: [{ group: '', kind: 'Service' }] })],
  ])('refuses what the specification does: %s', async (message, work) => {
    await expect(work()).rejects.toThrow(message);
  });
});
