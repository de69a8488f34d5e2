import { describe, expect, it } from 'vitest';
import type { Pieces } from '../../base/pieces.ts';
import { configurationFile, renderHaproxy, versionFile } from '../haproxy.ts';
import { pairs, service, slice, tlsSecret, viewOf } from '../ingress-fixtures.ts';
import type { Route } from '../model.ts';
import type { TimelessCondition } from './condition.ts';
import { gatewayOf, grantOf, planOf, routeOf, ruleTo } from './gateway-fixtures.ts';
import { type GatewayView, planGateway } from './gateway-plan.ts';
import {
  type Gateway,
  gatewayGroup,
  type HTTPBackendRef,
  type HTTPRoute,
  type HTTPRouteFilter,
  type HTTPRouteRule,
  type Listener,
} from './types.ts';

const inNamespace = (namespace: string, name: string, more: object = {}) => {
  const one = service(name, [{ port: 80 }], more);
  return { ...one, metadata: { ...one.metadata, namespace } };
};
const objects = viewOf({
  services: [
    inNamespace('infra', 'web', { clusterIP: '10.0.0.1' }),
    inNamespace('other', 'web', { clusterIP: '10.0.0.2' }),
    inNamespace('infra', 'headless', { clusterIP: 'None' }),
    inNamespace('infra', 'empty', { clusterIP: 'None' }),
  ],
  slices: [slice('headless', 80, [{ addresses: ['10.1.0.1'] }, { addresses: ['10.1.0.2'] }])],
  secrets: [
    tlsSecret('one', pairs.one, 'infra'),
    tlsSecret('two', pairs.two, 'other'),
    tlsSecret('weak', pairs.weak, 'infra'),
  ],
});
const view = (grants: GatewayView['grants'] = []): GatewayView => ({
  ...objects,
  grants,
  labelsOf: (namespace) => ({ team: namespace }),
});
const plan = (gateway: Gateway, routes: HTTPRoute[] = [], grants: GatewayView['grants'] = []) =>
  planOf(gateway, { http: routes }, view(grants));
const shown = (conditions: TimelessCondition[] | undefined, type: string): string => {
  const found = conditions?.find((c) => c.type === type);
  return `${found?.status} ${found?.reason}`;
};
const hostOf = ({ host }: Route): string => (host ? `${host.before === 'nothing' ? '' : '*.'}${host.name}` : '*');

describe('listeners', () => {
  const https = (certificateRefs: NonNullable<Listener['tls']>['certificateRefs']): Partial<Listener> => ({
    port: 443,
    protocol: 'HTTPS',
    tls: { certificateRefs: certificateRefs ?? [] },
  });
  it.each<[string, Partial<Listener>, { type: string; says: string; isServed?: boolean }]>([
    ['HTTP', {}, { type: 'Accepted', says: 'True Accepted', isServed: true }],
    ['TCP', { protocol: 'TCP' }, { type: 'Accepted', says: 'False UnsupportedProtocol' }],
    [
      'passthrough',
      { ...https([{ name: 'one' }]), tls: { mode: 'Passthrough' } },
      { type: 'Accepted', says: 'False UnsupportedProtocol' },
    ],
    ['the health port', { port: 61_999 }, { type: 'Accepted', says: 'False PortUnavailable' }],
    ['a certificate', https([{ name: 'one' }]), { type: 'ResolvedRefs', says: 'True ResolvedRefs', isServed: true }],
    ['no certificate', https([]), { type: 'ResolvedRefs', says: 'False InvalidCertificateRef' }],
    ['a missing certificate', https([{ name: 'gone' }]), { type: 'ResolvedRefs', says: 'False InvalidCertificateRef' }],
    ['a weak certificate', https([{ name: 'weak' }]), { type: 'ResolvedRefs', says: 'False InvalidCertificateRef' }],
    [
      'a ConfigMap',
      https([{ kind: 'ConfigMap', name: 'one' }]),
      { type: 'ResolvedRefs', says: 'False InvalidCertificateRef' },
    ],
    [
      'a Secret of others',
      https([{ namespace: 'other', name: 'two' }]),
      { type: 'ResolvedRefs', says: 'False RefNotPermitted' },
    ],
    [
      'one good of two',
      https([{ name: 'gone' }, { name: 'one' }]),
      { type: 'ResolvedRefs', says: 'False InvalidCertificateRef', isServed: true },
    ],
    [
      'other routes',
      { allowedRoutes: { kinds: [{ kind: 'TCPRoute' }] } },
      { type: 'ResolvedRefs', says: 'False InvalidRouteKinds' },
    ],
    [
      'some other routes',
      { allowedRoutes: { kinds: [{ kind: 'TCPRoute' }, { kind: 'HTTPRoute' }] } },
      { type: 'ResolvedRefs', says: 'False InvalidRouteKinds', isServed: true },
    ],
  ])('with %s', (_, listener, { type, says, isServed = false }) => {
    const { listeners, model } = plan(gatewayOf(listener));
    expect([shown(listeners[0]?.conditions, type), listeners[0]?.isServed]).toEqual([says, isServed]);
    expect(model.ports).toHaveLength(isServed ? 1 : 0);
    expect(listeners[0]?.conditions.every((c) => c.observedGeneration === 3)).toBe(true);
  });

  it('serve a Secret of another namespace that grants it', () => {
    const grant = grantOf(
      'other',
      { group: gatewayGroup, kind: 'Gateway', namespace: 'infra' },
      { group: '', kind: 'Secret' },
    );
    const gateway = gatewayOf({ ...https([{ namespace: 'other', name: 'two' }]), hostname: 'Two.example.com' });
    expect(plan(gateway, [], [grant]).model.ports[0]?.certificates?.map(({ names }) => names)).toEqual([
      ['two.example.com'],
    ]);
    const toAnother = grantOf(
      'other',
      { group: gatewayGroup, kind: 'Gateway', namespace: 'infra' },
      { group: '', kind: 'Secret', name: 'x' },
    );
    expect(plan(gateway, [], [toAnother]).model.ports).toEqual([]);
  });

  it('that contradict each other are left out', () => {
    const { listeners } = plan(
      gatewayOf(
        { port: 80 },
        { port: 80 },
        { port: 81, hostname: 'a' },
        { port: 81, hostname: 'b' },
        { port: 82 },
        { ...https([{ name: 'one' }]), port: 82 },
      ),
    );
    expect(listeners.map(({ conditions }) => shown(conditions, 'Conflicted'))).toEqual([
      ...['True HostnameConflict', 'True HostnameConflict', 'False NoConflicts', 'False NoConflicts'],
      ...['True ProtocolConflict', 'True ProtocolConflict'],
    ]);
    expect(listeners.map(({ isServed }) => isServed)).toEqual([false, false, true, true, false, false]);
  });
});

describe('attachment', () => {
  it.each<[string, Partial<Listener>, Partial<HTTPRoute['spec']>, string, string]>([
    ['its own namespace', {}, {}, 'infra', 'True Accepted'],
    ['another namespace', {}, {}, 'other', 'False NotAllowedByListeners'],
    ['any namespace', { allowedRoutes: { namespaces: { from: 'All' } } }, {}, 'other', 'True Accepted'],
    [
      'a chosen namespace',
      { allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'other' } } } } },
      {},
      'other',
      'True Accepted',
    ],
    [
      'a namespace not chosen',
      { allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { team: 'x' } } } } },
      {},
      'other',
      'False NotAllowedByListeners',
    ],
    [
      'no namespace at all',
      { allowedRoutes: { namespaces: { from: 'None' } } },
      {},
      'infra',
      'False NotAllowedByListeners',
    ],
    [
      'a kind that is not allowed',
      { allowedRoutes: { kinds: [{ kind: 'TCPRoute' }] } },
      {},
      'infra',
      'False NotAllowedByListeners',
    ],
    ['a section', {}, { parentRefs: [{ name: 'gate', sectionName: 'l0' }] }, 'infra', 'True Accepted'],
    ['a missing section', {}, { parentRefs: [{ name: 'gate', sectionName: 'x' }] }, 'infra', 'False NoMatchingParent'],
    ['another port', {}, { parentRefs: [{ name: 'gate', port: 81 }] }, 'infra', 'False NoMatchingParent'],
    [
      'another host',
      { hostname: 'a.example' },
      { hostnames: ['b.example'] },
      'infra',
      'False NoMatchingListenerHostname',
    ],
    ['a host below', { hostname: '*.example' }, { hostnames: ['a.b.example'] }, 'infra', 'True Accepted'],
    [
      'the bare name of a wildcard',
      { hostname: '*.example' },
      { hostnames: ['example'] },
      'infra',
      'False NoMatchingListenerHostname',
    ],
  ])('of a route with %s', (...[, listener, spec, namespace, says]) => {
    const { parents, listeners } = plan(gatewayOf(listener), [routeOf({ rules: [ruleTo('web')], ...spec }, namespace)]);
    expect(parents.map(({ conditions }) => shown(conditions, 'Accepted'))).toEqual([says]);
    expect(listeners[0]?.attachedRoutes).toBe(says === 'True Accepted' ? 1 : 0);
  });

  it('of a route that names another Gateway is nobody’s matter here', () => {
    const elsewhere = [
      { name: 'gate', namespace: 'other' },
      { name: 'gate', kind: 'Service' },
    ];
    expect(plan(gatewayOf({}), [routeOf({ parentRefs: elsewhere })]).parents).toEqual([]);
  });

  it('gives a route the hosts that are both', () => {
    const listeners = [{ hostname: '*.example' }, { name: 'wide' }, { name: 'exact', hostname: 'a.example' }];
    const route = routeOf({ hostnames: ['a.example', '*.b.example', 'else'], rules: [ruleTo('web')] });
    const { model } = plan(gatewayOf(...listeners), [route]);
    const hosts = model.ports[0]?.routes.map((r) => [hostOf(r), r.exceptHosts?.map(({ name }) => name)]);
    expect(hosts).toEqual([
      ['a.example', ['a.example']],
      ['a.example', ['example', 'a.example']],
      ['a.example', undefined],
      ['else', ['example', 'a.example']],
      ['*.b.example', ['a.example']],
      ['*.b.example', ['example', 'a.example']],
    ]);
  });
});

describe('rules', () => {
  const routesOf = (...rules: HTTPRouteRule[]) =>
    plan(gatewayOf({}), [routeOf({ rules })]).model.ports[0]?.routes.map(({ match, target }) => ({ match, target })) ??
    [];
  const says = (rule: HTTPRouteRule, grants: GatewayView['grants'] = []) => {
    const conditions = plan(gatewayOf({}), [routeOf({ rules: [rule] })], grants).parents[0]?.conditions;
    return `${shown(conditions, 'Accepted')}, ${shown(conditions, 'ResolvedRefs')}`;
  };

  it('are asked in the order of the specification', () => {
    const matches = (path: string, more: object = {}, type = 'PathPrefix') => ({
      path: { type, value: path },
      ...more,
    });
    const rules = [
      ruleTo('web', { matches: [matches('/a'), matches('/a', {}, 'Exact'), matches('/a/long')] }),
      ruleTo('web', {
        matches: [matches('/a', { headers: [{ name: 'x', value: '1' }] }), matches('/a', { method: 'GET' })],
      }),
      ruleTo('web', { matches: [matches('/a', { queryParams: [{ name: 'x', value: '1' }] })] }),
      ruleTo('web'),
    ];
    const order = routesOf(...rules).map(({ match }) =>
      [
        match.path?.type,
        match.path?.value,
        match.method,
        ...(match.headers ?? []).map(() => 'header'),
        ...(match.queries ?? []).map(() => 'query'),
      ]
        .filter(Boolean)
        .join(' '),
    );
    expect(order).toEqual([
      'Exact /a',
      'Prefix /a/long',
      'Prefix /a GET',
      'Prefix /a header',
      'Prefix /a query',
      'Prefix /a',
      '',
    ]);
  });

  it.each<[string, HTTPBackendRef[], string]>([
    ['a service', [{ name: 'web', port: 80 }], 'True ResolvedRefs'],
    ['no service', [{ name: 'gone', port: 80 }], 'False BackendNotFound'],
    ['no port', [{ name: 'web', port: 81 }], 'False BackendNotFound'],
    ['another kind', [{ kind: 'Bucket', name: 'web' }], 'False InvalidKind'],
    ['a service of others', [{ namespace: 'other', name: 'web', port: 80 }], 'False RefNotPermitted'],
  ])('with a reference to %s', (_, backendRefs, expected) => {
    expect(says({ backendRefs })).toBe(`True Accepted, ${expected}`);
  });

  it('reach a service of others that grants it', () => {
    const grant = grantOf(
      'other',
      { group: gatewayGroup, kind: 'HTTPRoute', namespace: 'infra' },
      { group: '', kind: 'Service', name: 'web' },
    );
    expect(says({ backendRefs: [{ namespace: 'other', name: 'web', port: 80 }] }, [grant])).toBe(
      'True Accepted, True ResolvedRefs',
    );
  });

  it('refuse what others were granted', () => {
    const to = { group: '', kind: 'Service' };
    const grant = grantOf('other', { group: gatewayGroup, kind: 'HTTPRoute', namespace: 'third' }, to);
    const rule = { backendRefs: [{ namespace: 'other', name: 'web', port: 80 }] };
    expect(says(rule, [grant])).toBe('True Accepted, False RefNotPermitted');
  });

  it('share by weights, endpoints of a headless service its own', () => {
    const target = (...backendRefs: HTTPBackendRef[]) => routesOf({ backendRefs })[0]?.target;
    const shares = target(
      { name: 'web', port: 80, weight: 9 },
      { name: 'headless', port: 80, weight: 1 },
      { name: 'gone', port: 80, weight: 2 },
    );
    expect(shares?.servers?.map(({ address, weight }) => [address, weight])).toEqual([
      ['10.0.0.1', 18],
      ['10.1.0.1', 1],
      ['10.1.0.2', 1],
    ]);
    expect(shares?.failing).toEqual({ weight: 4, status: 500 });
    expect(target({ name: 'empty', port: 80 })?.failing).toEqual({ weight: 1, status: 503 });
    expect(target()?.failing).toEqual({ weight: 0, status: 500 });
  });

  it.each<[string, HTTPRouteRule, string]>([
    ['other filters', { filters: [{ type: 'ExtensionRef' }] }, 'False UnsupportedValue'],
    [
      'other filters of a backend',
      { backendRefs: [{ name: 'web', port: 80, filters: [{ type: 'ExtensionRef' }] }] },
      'False UnsupportedValue',
    ],
    [
      'a rewrite of what a backend redirects',
      {
        filters: [{ type: 'URLRewrite', urlRewrite: { hostname: 'x' } }],
        backendRefs: [{ name: 'web', port: 80, filters: [{ type: 'RequestRedirect', requestRedirect: {} }] }],
      },
      'False IncompatibleFilters',
    ],
    [
      'redirect and rewrite',
      {
        filters: [
          { type: 'RequestRedirect', requestRedirect: {} },
          { type: 'URLRewrite', urlRewrite: {} },
        ],
      },
      'False IncompatibleFilters',
    ],
    [
      'a prefix where none is',
      {
        matches: [{ path: { type: 'Exact', value: '/a' } }],
        filters: [
          { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } },
        ],
      },
      'False UnsupportedValue',
    ],
    [
      'an expression that is none',
      { matches: [{ path: { type: 'RegularExpression', value: '(' } }] },
      'False UnsupportedValue',
    ],
    [
      'an expression of another engine',
      { matches: [{ headers: [{ type: 'RegularExpression', name: 'x', value: '(?<a>b)' }] }] },
      'False UnsupportedValue',
    ],
    [
      'an expression that repeats',
      { matches: [{ path: { type: 'RegularExpression', value: '(abcdefghijklmnopqrstuvwxyz){1000}' } }] },
      'False UnsupportedValue',
    ],
    ['an odd name', { matches: [{ headers: [{ name: "x'y", value: 'a' }] }] }, 'False UnsupportedValue'],
  ])('refuse %s', (_, rule, expected) => {
    expect(says({ ...ruleTo('web'), ...rule })).toMatch(expected);
    expect(routesOf({ ...ruleTo('web'), ...rule })).toEqual([]);
  });

  it('change requests as their filters say', () => {
    const [route] = routesOf(
      ruleTo('web', {
        matches: [
          {
            path: { value: '/a' },
            headers: [
              { name: 'X', value: '1' },
              { name: 'x', value: '2' },
            ],
          },
        ],
        filters: [
          { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'h', value: 'v' }] } },
          { type: 'ResponseHeaderModifier', responseHeaderModifier: { remove: ['gone'] } },
          {
            type: 'URLRewrite',
            urlRewrite: { hostname: 'inner', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/b' } },
          },
        ],
        timeouts: { request: '10s', backendRequest: '500ms' },
      }),
    );
    expect(route?.match.headers).toEqual([{ name: 'X', type: 'Exact', value: '1' }]);
    expect(route?.target).toMatchObject({
      requestHeaders: [{ set: [{ name: 'h', value: 'v' }], add: [], remove: [] }],
      responseHeaders: [{ set: [], add: [], remove: ['gone'] }],
      rewrite: { host: 'inner', path: { prefix: '/a', replacement: '/b' } },
      timeoutMs: 500,
    });
    const redirect = { scheme: 'https', statusCode: 301, path: { type: 'ReplaceFullPath', replaceFullPath: '/x' } };
    const [other] = routesOf({
      filters: [{ type: 'RequestRedirect', requestRedirect: redirect }],
      timeouts: { request: '0s' },
    });
    expect(other?.target).toMatchObject({
      redirect: { scheme: 'https', status: 301, path: { full: '/x' } },
      timeoutMs: 0,
    });
  });
});

describe('filters of single backends', () => {
  const set = (value: string): HTTPRouteFilter => ({
    type: 'RequestHeaderModifier',
    requestHeaderModifier: { set: [{ name: 'x', value }] },
  });
  const sharesOf = (...backendRefs: HTTPBackendRef[]) =>
    plan(gatewayOf({}), [routeOf({ rules: [{ filters: [set('all')], backendRefs }] })]).model.ports[0]?.routes.map(
      ({ share, target }) => ({
        share,
        set: target.requestHeaders?.flatMap((changes) => changes.set?.map(({ value }) => value)),
        servers: target.servers?.map(({ address, weight }) => `${address} ${weight}`),
      }),
    );

  it('give each its share of what those before have left', () => {
    expect(
      sharesOf(
        { name: 'web', port: 80, weight: 5, filters: [set('web')] },
        { name: 'headless', port: 80, weight: 3 },
        { name: 'gone', port: 80, weight: 2 },
        { name: 'web', port: 80, weight: 0, filters: [set('never')] },
      ),
    ).toEqual([
      { share: { weight: 5, of: 10 }, set: ['all', 'web'], servers: ['10.0.0.1 1'] },
      { share: { weight: 3, of: 5 }, set: ['all'], servers: ['10.1.0.1 1', '10.1.0.2 1'] },
      { share: undefined, set: ['all'], servers: [] },
    ]);
  });

  it('change nothing where no backend has any', () => {
    expect(sharesOf({ name: 'web', port: 80 }, { name: 'headless', port: 80 })).toHaveLength(1);
    expect(sharesOf({ name: 'web', port: 80, weight: 0, filters: [set('x')] })).toEqual([
      { share: undefined, set: ['all'], servers: ['10.0.0.1 0'] },
    ]);
  });
});

describe('mirrors', () => {
  const mirror = (requestMirror: HTTPRouteFilter['requestMirror']): HTTPRouteRule =>
    ruleTo('web', { filters: [{ type: 'RequestMirror', requestMirror }] });
  const mirrored = (requestMirror: HTTPRouteFilter['requestMirror']) => {
    const { model, parents } = plan(gatewayOf({}), [routeOf({ rules: [mirror(requestMirror)] })]);
    const { mirrors, servers } = model.ports[0]?.routes[0]?.target ?? {};
    const says = ['Accepted', 'ResolvedRefs'].map((type) => shown(parents[0]?.conditions, type)).join(', ');
    const shares = mirrors?.map((m) => `${m.servers.map(({ address }) => address)} ${m.numerator}/${m.denominator}`);
    return { shares, isServed: servers?.length === 1, says };
  };
  const web = { name: 'headless', port: 80 };
  const fine = 'True Accepted, True ResolvedRefs';

  it.each<[string, HTTPRouteFilter['requestMirror'], { shares: string[]; says: string }]>([
    ['all', { backendRef: web }, { shares: ['10.1.0.1,10.1.0.2 100/100'], says: fine }],
    ['a percentage', { backendRef: web, percent: 7 }, { shares: ['10.1.0.1,10.1.0.2 7/100'], says: fine }],
    [
      'a fraction',
      { backendRef: web, fraction: { numerator: 1, denominator: 3 } },
      { shares: ['10.1.0.1,10.1.0.2 1/3'], says: fine },
    ],
    [
      'a fraction of a hundred',
      { backendRef: web, fraction: { numerator: 1 } },
      { shares: ['10.1.0.1,10.1.0.2 1/100'], says: fine },
    ],
    ['none', { backendRef: web, percent: 0 }, { shares: [], says: fine }],
    [
      'what leads nowhere',
      { backendRef: { name: 'gone', port: 80 } },
      { shares: [], says: 'True Accepted, False BackendNotFound' },
    ],
    [
      'a service of others',
      { backendRef: { name: 'web', namespace: 'other', port: 80 } },
      { shares: [], says: 'True Accepted, False RefNotPermitted' },
    ],
  ])('of %s', (_, requestMirror, expected) => {
    expect(mirrored(requestMirror)).toEqual({ ...expected, isServed: true });
  });

  it('are refused without a reference', () => {
    expect(mirrored(undefined).says).toBe('False UnsupportedValue, True ResolvedRefs');
  });
});

describe('many routes', () => {
  it('are planned and rendered in pieces, one for each route at least', () => {
    const routes = Array.from({ length: 30 }, (_, i) => routeOf({ hostnames: [`h${i}`], rules: [ruleTo('web')] }));
    const kinded = routes.map((route) => ({ kind: 'HTTPRoute' as const, route }));
    const planned = piecesOf(planGateway(gatewayOf({}), kinded, view()));
    expect(planned.pieces).toBeGreaterThan(30);
    const rendered = piecesOf(renderHaproxy(planned.result.model, { dir: '/x' }));
    expect(rendered.pieces).toBeGreaterThan(30);
    expect(rendered.result[configurationFile]?.match(/use_backend/g)).toHaveLength(30);
    expect(Object.keys(rendered.result).sort()).toEqual([configurationFile, versionFile].sort());
  });
});

function piecesOf<T>(work: Pieces<T>): { pieces: number; result: T } {
  for (let pieces = 1; ; pieces++) {
    const { done, value } = work.next();
    if (done) return { pieces, result: value };
  }
}
