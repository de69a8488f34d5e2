import { describe, expect, it } from 'vitest';
import type { Ingress } from '../api/generated/types.ts';
import { ingress, pairs, service, slice, tlsSecret, to, viewOf } from './ingress-fixtures.ts';
import { ingressModel } from './ingress-model.ts';
import type { Route } from './model.ts';

const web = service('web', [
  { name: 'http', port: 80 },
  { name: 'grpc', port: 90, appProtocol: 'kubernetes.io/h2c' },
  { name: 'udp', port: 53, protocol: 'UDP' },
]);
const view = viewOf({ services: [web], secrets: [tlsSecret('one', pairs.one)] });
const routesOf = (...all: Ingress[]): Route[] => ingressModel(all, view).model.ports[0]?.routes ?? [];
const problemsOf = (spec: Ingress['spec'], of = view): string[] =>
  ingressModel([ingress('a', spec)], of).problems.map(({ message }) => message);
const rule = (host: string | undefined, ...paths: [path: string, pathType: string][]) => ({
  ...(host ? { host } : {}),
  http: { paths: paths.map(([path, pathType]) => ({ path, pathType: pathType as 'Exact', backend: to('web') })) },
});
const shown = ({ host, match }: Route): string =>
  `${host ? `${host.before} ${host.name}` : '-'} ${match.path ? `${match.path.type} ${match.path.value}` : '-'}`;

describe('ingressModel', () => {
  it('puts the more exact host first, then the longer path, then the exact one, and the default backend last', () => {
    const spec = {
      defaultBackend: to('web'),
      rules: [
        rule(undefined, ['/any', 'ImplementationSpecific']),
        rule('*.example.com', ['/', 'Prefix']),
        rule('a.example.com', ['/', 'Prefix'], ['/a/b', 'Prefix'], ['/a', 'Prefix'], ['/a/b', 'Exact']),
      ],
    };
    expect(routesOf(ingress('a', spec)).map(shown)).toEqual([
      'nothing a.example.com Exact /a/b',
      'nothing a.example.com Prefix /a/b',
      'nothing a.example.com Prefix /a',
      'nothing a.example.com Prefix /',
      'label example.com Prefix /',
      '- Prefix /any',
      '- -',
    ]);
  });

  it('leaves what two ask for to the older one, and gives a host without paths to the default backend', () => {
    const [older, younger] = [80, 90].map((port) =>
      ingress('x', {
        rules: [{ host: 'h', http: { paths: [{ pathType: 'Exact', path: '/', backend: to('web', port) }] } }],
      }),
    ) as [Ingress, Ingress];
    expect(routesOf(younger, older).map(({ target }) => target.servers?.[0]?.port)).toEqual([80, 90]);
    const bare = ingress('bare', { defaultBackend: to('web'), rules: [{ host: 'H.example.com' }] });
    expect(routesOf(bare).map(shown)).toEqual(['nothing h.example.com -', '- -']);
  });

  it('finds ports of services by number and by name, those of headless ones at their endpoints', () => {
    const serversOf = (backend: object, of = view) =>
      ingressModel([ingress('a', { defaultBackend: backend })], of).model.ports[0]?.routes[0]?.target.servers;
    expect(serversOf(to('web'))).toEqual([{ address: '127.0.0.1', port: 80, weight: 1 }]);
    const named = { service: { name: 'web', port: { name: 'grpc' } } };
    expect(serversOf(named)).toEqual([{ address: '127.0.0.1', port: 90, weight: 1, isH2c: true }]);
    const headless = viewOf({
      services: [service('web', [{ port: 80 }], { clusterIP: 'None' })],
      slices: [
        slice('web', 8080, [
          { addresses: ['10.0.0.1'] },
          { addresses: ['10.0.0.2'], conditions: { ready: false } },
          { addresses: ['10.0.0.1'], conditions: { ready: true } },
        ]),
      ],
    });
    expect(serversOf(to('web'), headless)).toEqual([{ address: '10.0.0.1', port: 8080, weight: 1 }]);
  });

  it.each<[string, Ingress['spec']]>([
    ['service "default/none" not found', { defaultBackend: to('none') }],
    ['service "default/web" has no port 81', { defaultBackend: to('web', 81) }],
    ['service "default/web" has no port 53', { defaultBackend: to('web', 53) }],
    ['a backend that is no service is not supported', { defaultBackend: { resource: { kind: 'Bucket', name: 'b' } } }],
    ['secret "default/gone" not found', { tls: [{ secretName: 'gone' }] }],
  ])('says: %s', (message, spec) => {
    expect(problemsOf(spec)).toEqual([message]);
  });

  it('answers 503 where a service is missing, and goes on with the rest', () => {
    const [route] = routesOf(ingress('a', { defaultBackend: to('none') }));
    expect(route?.target).toEqual({ failing: { weight: 1, status: 503 } });
  });

  it('serves TLS where there is a certificate, and refuses what haproxy would stumble over', () => {
    const spec = { defaultBackend: to('web'), tls: [{ hosts: ['One.example.com'], secretName: 'one' }] };
    const { model } = ingressModel([ingress('a', spec)], view);
    expect(model.ports.map(({ port, certificates }) => [port, certificates?.map(({ names }) => names)])).toEqual([
      [80, undefined],
      [443, [['one.example.com']]],
    ]);
    const problem = (pair: { crt: string; key: string }) =>
      problemsOf({ tls: [{ secretName: 's' }] }, viewOf({ secrets: [tlsSecret('s', pair)] }));
    expect(problem({ crt: pairs.one.crt, key: pairs.two.key })[0]).toContain('the key of another');
    expect(problem({ crt: 'x', key: pairs.one.key })[0]).toContain('holds a certificate and the key of another');
    expect(problem({ crt: pairs.one.crt, key: '' })[0]).toContain('holds no certificate with its key');
    expect(problem(pairs.weak)[0]).toContain('too weak');
    expect(problem(pairs.sha1)[0]).toContain('too weak');
    expect(problem(pairs.one)).toEqual([]);
  });
});
