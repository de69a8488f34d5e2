import type { Gateway, HTTPRoute, HTTPRouteRule, Listener, ReferenceGrant } from './types.ts';

export const gatewayOf = (...listeners: Partial<Listener>[]): Gateway => ({
  metadata: { namespace: 'infra', name: 'gate', uid: 'g', generation: 3 },
  spec: {
    gatewayClassName: 'knarr',
    listeners: listeners.map((listener, i) => ({ name: `l${i}`, port: 80, protocol: 'HTTP', ...listener })),
  },
});

let age = 0;
/** Each is younger than the one before. */
export const routeOf = (spec: Partial<HTTPRoute['spec']>, namespace = 'infra'): HTTPRoute => ({
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
