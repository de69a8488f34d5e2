import { describe, expect, it } from 'vitest';
import { service, viewOf } from '../ingress-fixtures.ts';
import type { Route } from '../model.ts';
import { gatewayOf, grantOf, planOf, routeOf } from './gateway-fixtures.ts';
import type { GatewayView } from './gateway-plan.ts';
import {
  type Gateway,
  gatewayGroup,
  type GRPCRoute,
  type GRPCRouteMatch,
  type GRPCRouteRule,
  type HTTPRoute,
} from './types.ts';

const inNamespace = (namespace: string, name: string) => {
  const one = service(name, [{ port: 80 }], { clusterIP: '10.0.0.1' });
  return { ...one, metadata: { ...one.metadata, namespace } };
};
const view = (grants: GatewayView['grants'] = []): GatewayView => ({
  ...viewOf({ services: [inNamespace('infra', 'web'), inNamespace('other', 'web')] }),
  grants,
  labelsOf: () => ({}),
});
const grpcOf = (...rules: GRPCRouteRule[]) => routeOf<GRPCRoute>({ rules });
const toWeb = { backendRefs: [{ name: 'web', port: 80 }] };
const plan = (
  routes: { http?: HTTPRoute[]; grpc?: GRPCRoute[] },
  { gateway = gatewayOf({}), grants = [] }: { gateway?: Gateway; grants?: GatewayView['grants'] } = {},
) => planOf(gateway, routes, view(grants));
const routesOf = (...rules: GRPCRouteRule[]): Route[] =>
  plan({ grpc: [grpcOf(...rules)] }).model.ports[0]?.routes ?? [];
const pathOf = ({ match: { path } }: Route) => `${path?.type} ${path?.value}`;
const saysOf = ({ parents }: ReturnType<typeof plan>) =>
  parents.map(({ conditions }) => conditions.map(({ status, reason }) => `${status} ${reason}`).join(', '));
const fine = 'True Accepted, True ResolvedRefs';

describe('a GRPCRoute', () => {
  it.each<[GRPCRouteMatch['method'], string]>([
    [{ service: 'a.B', method: 'Get' }, 'Exact /a.B/Get'],
    [{ service: 'a.B' }, 'Prefix /a.B'],
    [{ method: 'Get' }, 'RegularExpression /[^/]+/Get'],
    [undefined, 'Prefix /'],
    [{ type: 'RegularExpression', service: 'a|b', method: 'G.t' }, 'RegularExpression /(?:a|b)/(?:G.t)'],
    [{ type: 'RegularExpression', service: 'a|b' }, 'RegularExpression /(?:a|b)/[^/]+'],
    [{ type: 'RegularExpression', method: 'Get|Set' }, 'RegularExpression /[^/]+/(?:Get|Set)'],
  ])('matches %j by the path %s', (method, path) => {
    expect(routesOf({ ...toWeb, matches: [method ? { method } : {}] }).map(pathOf)).toEqual([path]);
  });

  it('takes every call by a rule without matches, and none without rules', () => {
    expect(routesOf(toWeb).map(pathOf)).toEqual(['Prefix /']);
    expect(routesOf()).toEqual([]);
  });

  it('asks the longer service first, then the longer method, then more headers', () => {
    const headers = [{ name: 'x', value: '1' }];
    const methods: GRPCRouteMatch[] = [
      { method: { method: 'GetTheLongestOfAll' } },
      { method: { service: 'a.Short' } },
      {},
      { method: { service: 'a.Short' }, headers },
      { method: { service: 'a.Short', method: 'Get' } },
      { method: { service: 'a.MuchLonger' } },
      { method: { type: 'RegularExpression', service: 'a.Shor.', method: 'Ge' } },
    ];
    expect(routesOf({ ...toWeb, matches: methods }).map((r) => `${pathOf(r)} ${r.match.headers?.length}`)).toEqual([
      'Prefix /a.MuchLonger 0',
      'Exact /a.Short/Get 0',
      'RegularExpression /(?:a.Shor.)/(?:Ge) 0',
      'Prefix /a.Short 1',
      'Prefix /a.Short 0',
      'RegularExpression /[^/]+/GetTheLongestOfAll 0',
      'Prefix / 0',
    ]);
  });

  it('speaks HTTP/2 to backends, and lets streams be silent', () => {
    const mirror = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'web', port: 80 } } };
    const [route] = routesOf({ ...toWeb, filters: [mirror] });
    expect(route?.target.servers).toMatchObject([{ address: '10.0.0.1', isH2c: true }]);
    expect(route?.target.mirrors).toMatchObject([{ servers: [{ isH2c: true }] }]);
    expect(route?.target.timeoutMs).toBe(3_600_000);
  });

  it('answers UNAVAILABLE where a backend is missing', () => {
    const planned = plan({ grpc: [grpcOf({ backendRefs: [{ name: 'gone', port: 80 }] })] });
    expect(saysOf(planned)).toEqual(['True Accepted, False BackendNotFound']);
    expect(planned.model.ports[0]?.routes[0]?.target.failing).toEqual({ weight: 1, status: 503 });
  });

  it('needs a grant of its own kind for services of others', () => {
    const grpc = [grpcOf({ backendRefs: [{ namespace: 'other', name: 'web', port: 80 }] })];
    const grant = (kind: string) =>
      grantOf('other', { group: gatewayGroup, kind, namespace: 'infra' }, { group: '', kind: 'Service' });
    expect(saysOf(plan({ grpc }, { grants: [grant('HTTPRoute')] }))).toEqual(['True Accepted, False RefNotPermitted']);
    expect(saysOf(plan({ grpc }, { grants: [grant('GRPCRoute')] }))).toEqual([fine]);
  });

  it('is refused with an expression that is none, or a match of another type', () => {
    const refused = (method: GRPCRouteMatch['method']) =>
      saysOf(plan({ grpc: [grpcOf({ ...toWeb, matches: [{ method }] })] }));
    const unsupported = ['False UnsupportedValue, True ResolvedRefs'];
    expect(refused({ type: 'RegularExpression', service: '(' })).toEqual(unsupported);
    expect(refused({ type: 'Suffix', service: 'a' })).toEqual(unsupported);
  });
});

describe('listeners of both kinds', () => {
  const http = (hostnames: string[]): HTTPRoute => routeOf({ hostnames, rules: [toWeb] });
  const grpc = (hostnames: string[]): GRPCRoute => routeOf<GRPCRoute>({ hostnames, rules: [toWeb] });

  it('count the routes of each', () => {
    const planned = plan({ http: [http(['a.example'])], grpc: [grpc(['b.example']), grpc(['c.example'])] });
    expect(saysOf(planned)).toEqual([fine, fine, fine]);
    expect(planned.listeners).toMatchObject([
      { attachedRoutes: 3, supportedKinds: [{ kind: 'HTTPRoute' }, { kind: 'GRPCRoute' }] },
    ]);
  });

  it('take only those that they allow', () => {
    const gateway = gatewayOf(
      { allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } },
      { port: 81, allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] } },
    );
    const ref = (sectionName: string) => ({ parentRefs: [{ name: 'gate', sectionName }], rules: [toWeb] });
    const planned = plan(
      { http: [routeOf(ref('l0'))], grpc: [routeOf<GRPCRoute>(ref('l0')), routeOf<GRPCRoute>({ rules: [toWeb] })] },
      { gateway },
    );
    expect(saysOf(planned)).toEqual(['False NotAllowedByListeners, True ResolvedRefs', fine, fine]);
    expect(planned.listeners).toMatchObject([
      { attachedRoutes: 2, supportedKinds: [{ kind: 'GRPCRoute' }] },
      { attachedRoutes: 0, supportedKinds: [{ kind: 'HTTPRoute' }] },
    ]);
  });

  it('give a host to the kind of the older route', () => {
    const older = http(['a.example']);
    const planned = plan({ http: [older, http(['b.example'])], grpc: [grpc(['*.example']), grpc(['c.test'])] });
    expect(saysOf(planned)).toEqual([fine, fine, 'False NotAllowedByListeners, True ResolvedRefs', fine]);
    expect(planned.listeners[0]?.attachedRoutes).toBe(3);
    const first = grpc(['a.example']);
    expect(saysOf(plan({ http: [http([])], grpc: [first] }))).toEqual([
      fine,
      'False NotAllowedByListeners, True ResolvedRefs',
    ]);
  });
});
