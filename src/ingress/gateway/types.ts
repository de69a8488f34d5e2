import type { Condition, LabelSelector, ObjectMeta } from '../../api/generated/types.ts';
import type { Resource } from '../../api/resource.ts';

/** Gateway API v1 (gateway.networking.k8s.io), the parts that are read or written here. Defaults are the definitions'. */
export const gatewayGroup = 'gateway.networking.k8s.io';

interface Meta {
  kind?: string;
  apiVersion?: string;
  metadata: ObjectMeta;
}

export interface GatewayClass extends Meta {
  spec: { controllerName: string };
  status?: { conditions?: Condition[] };
}

export interface Gateway extends Meta {
  spec: {
    gatewayClassName: string;
    listeners: Listener[];
    addresses?: { type?: string; value?: string }[];
  };
  status?: GatewayStatus;
}
export interface GatewayStatus {
  addresses?: { type?: string; value: string }[];
  conditions?: Condition[];
  listeners?: ListenerStatus[];
}

export interface Listener {
  name: string;
  hostname?: string;
  port: number;
  protocol: string;
  tls?: { mode?: string; certificateRefs?: ObjectReference[] };
  allowedRoutes?: {
    namespaces?: { from?: string; selector?: LabelSelector };
    kinds?: RouteKind[];
  };
}
export interface RouteKind {
  group?: string;
  kind: string;
}
export interface ListenerStatus {
  name: string;
  supportedKinds: RouteKind[];
  attachedRoutes: number;
  conditions: Condition[];
}

export interface ObjectReference {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
}
export interface ParentReference extends ObjectReference {
  sectionName?: string;
  port?: number;
}

export interface HTTPRoute extends Meta {
  spec: {
    parentRefs?: ParentReference[];
    hostnames?: string[];
    rules?: HTTPRouteRule[];
  };
  status?: { parents?: RouteParentStatus[] };
}
export interface GRPCRoute extends Meta {
  spec: {
    parentRefs?: ParentReference[];
    hostnames?: string[];
    rules?: GRPCRouteRule[];
  };
  status?: { parents?: RouteParentStatus[] };
}
export interface GRPCRouteRule {
  matches?: GRPCRouteMatch[];
  filters?: HTTPRouteFilter[];
  backendRefs?: HTTPBackendRef[];
}
export interface GRPCRouteMatch {
  method?: { type?: string; service?: string; method?: string };
  headers?: ValueMatch[];
}

/** The kinds of routes that listeners take. */
export const routeKinds = ['HTTPRoute', 'GRPCRoute'] as const;
/** A route of any kind; lists are without kinds. */
export type KindedRoute = { kind: 'HTTPRoute'; route: HTTPRoute } | { kind: 'GRPCRoute'; route: GRPCRoute };

export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions?: Condition[];
}
export interface HTTPRouteRule {
  matches?: HTTPRouteMatch[];
  filters?: HTTPRouteFilter[];
  backendRefs?: HTTPBackendRef[];
  timeouts?: { request?: string; backendRequest?: string };
}
export interface HTTPRouteMatch {
  path?: { type?: string; value?: string };
  headers?: ValueMatch[];
  queryParams?: ValueMatch[];
  method?: string;
}
export interface ValueMatch {
  type?: string;
  name: string;
  value: string;
}
export interface HTTPBackendRef extends ObjectReference {
  port?: number;
  weight?: number;
  filters?: HTTPRouteFilter[];
}
export interface HTTPHeaderFilter {
  set?: { name: string; value: string }[];
  add?: { name: string; value: string }[];
  remove?: string[];
}
export interface HTTPPathModifier {
  type: string;
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}
export interface HTTPRouteFilter {
  type: string;
  requestHeaderModifier?: HTTPHeaderFilter;
  responseHeaderModifier?: HTTPHeaderFilter;
  requestRedirect?: {
    scheme?: string;
    hostname?: string;
    path?: HTTPPathModifier;
    port?: number;
    statusCode?: number;
  };
  urlRewrite?: { hostname?: string; path?: HTTPPathModifier };
  requestMirror?: {
    backendRef: ObjectReference & { port?: number };
    percent?: number;
    fraction?: { numerator: number; denominator?: number };
  };
}

export interface ReferenceGrant extends Meta {
  spec: {
    from: { group: string; kind: string; namespace: string }[];
    to: { group: string; kind: string; name?: string }[];
  };
}

const resource = <T>(kind: string, plural: string, more: Partial<Resource<T>> = {}): Resource<T> => ({
  group: gatewayGroup,
  version: 'v1',
  resource: plural,
  kind,
  namespaced: true,
  ...more,
});

export const gatewayclasses = resource<GatewayClass>('GatewayClass', 'gatewayclasses', { namespaced: false });
export const gateways = resource<Gateway>('Gateway', 'gateways');
export const httproutes = resource<HTTPRoute>('HTTPRoute', 'httproutes');
export const grpcroutes = resource<GRPCRoute>('GRPCRoute', 'grpcroutes');
export const referencegrants = resource<ReferenceGrant>('ReferenceGrant', 'referencegrants', { version: 'v1beta1' });
