import { atOnce } from '../../base/pieces.ts';
import { type GatewayPlan, type GatewayView, planGateway } from './gateway-plan.ts';
import type { Gateway, GRPCRoute, HTTPRoute, HTTPRouteRule, KindedRoute, Listener, ReferenceGrant } from './types.ts';

export const gatewayOf = (...listeners: Partial<Listener>[]): Gateway => ({
  metadata: { namespace: 'infra', name: 'gate', uid: 'g', generation: 3 },
  spec: {
    gatewayClassName: 'knarr',
    listeners: listeners.map((listener, i) => ({ name: `l${i}`, port: 80, protocol: 'HTTP', ...listener })),
  },
});

/** The plan for HTTPRoutes, and for GRPCRoutes. */
export const planOf = (
  gateway: Gateway,
  { http = [], grpc = [] }: { http?: HTTPRoute[]; grpc?: GRPCRoute[] },
  view: GatewayView,
): GatewayPlan => atOnce(planGateway(gateway, [...http.map(httpRoute), ...grpc.map(grpcRoute)], view));

const httpRoute = (route: HTTPRoute): KindedRoute => ({ kind: 'HTTPRoute', route });
const grpcRoute = (route: GRPCRoute): KindedRoute => ({ kind: 'GRPCRoute', route });

let age = 0;
/** Each is younger than the one before. */
export const routeOf = <T extends HTTPRoute | GRPCRoute = HTTPRoute>(
  spec: Partial<T['spec']>,
  namespace = 'infra',
): Pick<T, 'metadata' | 'spec'> => ({
  metadata: {
    namespace,
    name: `r${age}`,
    uid: `r${age}`,
    generation: 7,
    creationTimestamp: `2026-01-01T00:${String(Math.floor(++age / 60)).padStart(2, '0')}:${String(age % 60).padStart(2, '0')}Z`,
  },
  spec: { parentRefs: [{ name: 'gate', namespace: 'infra' }], ...spec },
});

/** A rule that leads to a service of the route's namespace. */
export const ruleTo = (name: string, more: HTTPRouteRule = {}): HTTPRouteRule => ({
  backendRefs: [{ name, port: 80 }],
  ...more,
});

export const grantOf = (
  namespace: string,
  from: ReferenceGrant['spec']['from'][number],
  to: ReferenceGrant['spec']['to'][number],
): ReferenceGrant => ({ metadata: { namespace, name: 'grant' }, spec: { from: [from], to: [to] } });
