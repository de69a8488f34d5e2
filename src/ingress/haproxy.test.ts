import { Agent } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Ingress } from '../api/generated/types.ts';
import { freePort, TestBackend, TestHaproxy } from './haproxy-harness.ts';
import { ingress, pairs, service, tlsSecret, to, viewOf } from './ingress-fixtures.ts';
import { ingressModel } from './ingress-model.ts';
import type { ProxyModel, RequestMatch, Route, Target } from './model.ts';
import { regexProblem } from './regex.ts';

let [a, b] = [] as TestBackend[] as [TestBackend, TestBackend];
let proxy: TestHaproxy;
beforeAll(async () => {
  a = await TestBackend.start('a');
  b = await TestBackend.start('b');
});
afterEach(() => proxy.stop());
afterAll(async () => {
  await a.stop();
  await b.stop();
});

const view = () =>
  viewOf({
    services: [service('a', [{ port: a.port }]), service('b', [{ port: b.port }])],
    secrets: [tlsSecret('one', pairs.one), tlsSecret('two', pairs.two)],
  });
const modelOf = (...all: Ingress['spec'][]): ProxyModel =>
  ingressModel(
    all.map((spec, i) => ingress(`i${i}`, spec)),
    view(),
  ).model;
const path = (value: string, pathType: 'Exact' | 'Prefix', backend: TestBackend) => ({
  path: value,
  pathType,
  backend: to(backend.name, backend.port),
});
/** Which backend a request comes to, or the status it is answered with. */
const whereTo = async (url: string, host = 'localhost') => {
  const { status, body } = await proxy.get(url, { host });
  return status === 200 ? (JSON.parse(body) as { name: string }).name : status;
};
const seen = async (url: string, options: Parameters<TestHaproxy['get']>[1] = {}) => {
  const { body } = await proxy.get(url, options);
  return JSON.parse(body) as { url: string; name: string; method: string; headers: Record<string, string> };
};
const toBackend = ({ port }: TestBackend, more: Target = {}, weight = 1): Target => ({
  servers: [{ address: '127.0.0.1', port, weight }],
  ...more,
});
const serve = async (...routes: Route[]): Promise<void> => {
  proxy = await TestHaproxy.start({ ports: [{ port: 80, routes }] });
};

describe('an Ingress in a real haproxy', () => {
  it('goes by path: exact before prefix, longest first, whole elements', async () => {
    const paths = [
      path('/', 'Prefix', a),
      path('/foo/', 'Prefix', b),
      path('/foo/bar', 'Exact', a),
      path('/only', 'Exact', b),
    ];
    proxy = await TestHaproxy.start(modelOf({ rules: [{ http: { paths } }] }));
    const places = {
      '/': 'a',
      '/foo': 'b',
      '/foo/': 'b',
      '/foo/x?y=1': 'b',
      '/foo/bar': 'a',
      '/foo/bar/': 'b',
      '/foobar': 'a',
    };
    for (const [url, name] of Object.entries(places)) expect(`${url} ${await whereTo(url)}`).toBe(`${url} ${name}`);
    expect(await whereTo('/only')).toBe('b');
    expect(await whereTo('/only/')).toBe('a');
  });

  it('goes by host: exact, one label for a star, the default backend, else 404', async () => {
    const rules = [
      { host: '*.example.com', http: { paths: [path('/', 'Prefix', a)] } },
      { host: 'www.example.com', http: { paths: [path('/', 'Prefix', b)] } },
    ];
    proxy = await TestHaproxy.start(modelOf({ rules }));
    expect(await whereTo('/', 'WWW.example.com:8080')).toBe('b');
    expect(await whereTo('/', 'x.example.com')).toBe('a');
    expect(await whereTo('/', 'x.y.example.com')).toBe(404);
    expect(await whereTo('/', 'example.com')).toBe(404);
    await proxy.reload(modelOf({ rules, defaultBackend: to('b', b.port) }));
    expect(await whereTo('/', 'example.com')).toBe('b');
  });

  it('shows the certificate of the name, and none for another', async () => {
    const tls = [
      { hosts: ['one.example.com'], secretName: 'one' },
      { hosts: ['*.two.example.com'], secretName: 'two' },
    ];
    proxy = await TestHaproxy.start(modelOf({ tls, defaultBackend: to('a', a.port) }));
    const certificate = async (sni: string) => (await proxy.get('/', { port: 443, host: sni, sni })).certificate;
    expect(await certificate('one.example.com')).toBe('one');
    expect(await certificate('x.two.example.com')).toBe('two');
    await expect(certificate('three.example.com')).rejects.toThrow();
    const { headers } = await seen('/', { port: 443, host: 'one.example.com', sni: 'one.example.com' });
    expect(headers).toMatchObject({ 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' });
    await proxy.reload(modelOf({ tls: [...tls, { secretName: 'one' }], defaultBackend: to('a', a.port) }));
    expect(await certificate('three.example.com')).toBe('one');
  });

  it('changes routes and certificates without a lost request', async () => {
    const spec = (secretName: string, { name, port }: TestBackend) => ({
      tls: [{ secretName }],
      defaultBackend: to(name, port),
    });
    proxy = await TestHaproxy.start(modelOf(spec('one', a)));
    const agent = new Agent({ keepAlive: true });
    let [isDone, asked] = [false, 0];
    const lost: string[] = [];
    const askOn = async (options: Parameters<TestHaproxy['get']>[1]) => {
      while (!isDone) {
        const answer = await proxy.get('/', options).catch((error: Error) => ({ status: error.message }));
        if (answer.status !== 200) lost.push(String(answer.status));
        asked++;
      }
    };
    const clients = [askOn({}), askOn({ agent }), askOn({ port: 443, sni: 'x.example.com' })];
    await proxy.reload(modelOf(spec('one', b)));
    await proxy.reload(modelOf(spec('two', b)));
    isDone = true;
    await Promise.all(clients);
    agent.destroy();
    expect(lost).toEqual([]);
    expect(asked).toBeGreaterThan(20);
    expect(await whereTo('/')).toBe('b');
    expect((await proxy.get('/', { port: 443, sni: 'x.example.com' })).certificate).toBe('two');
  }, 30_000);

  it('answers 503 for a service that nobody answers for', async () => {
    const model = modelOf({ defaultBackend: to('none') });
    proxy = await TestHaproxy.start(model);
    expect(await whereTo('/')).toBe(503);
    await proxy.reload({
      ports: [
        {
          port: 80,
          routes: [{ match: {}, target: { servers: [{ address: '127.0.0.1', port: await freePort(), weight: 1 }] } }],
        },
      ],
    });
    expect(await whereTo('/')).toBe(503);
  }, 20_000);
});

describe('a route in a real haproxy', () => {
  it.each<[string, RequestMatch, Parameters<TestHaproxy['get']>[1] & { url?: string }, boolean]>([
    ['method', { method: 'POST' }, { method: 'POST' }, true],
    ['another method', { method: 'POST' }, {}, false],
    [
      'header',
      { headers: [{ name: 'X-A', type: 'Exact', value: 'it\'s, 100% "so" $HOME #1' }] },
      { headers: { 'x-a': 'it\'s, 100% "so" $HOME #1' } },
      true,
    ],
    ['other header', { headers: [{ name: 'X-A', type: 'Exact', value: 'a' }] }, { headers: { 'x-a': 'ab' } }, false],
    [
      'header by regex',
      { headers: [{ name: 'X-A', type: 'RegularExpression', value: 'a|b+' }] },
      { headers: { 'x-a': 'bb' } },
      true,
    ],
    [
      'whole header by regex',
      { headers: [{ name: 'X-A', type: 'RegularExpression', value: 'a|b+' }] },
      { headers: { 'x-a': 'bbc' } },
      false,
    ],
    ['query', { queries: [{ name: 'q', type: 'Exact', value: 'a b' }] }, { url: '/?x=1&q=a%20b' }, true],
    ['no query', { queries: [{ name: 'q', type: 'Exact', value: 'a' }] }, { url: '/?x=1' }, false],
    ['path by regex', { path: { type: 'RegularExpression', value: '/v[0-9]+/.*' } }, { url: '/v12/x?y' }, true],
    ['not path by regex', { path: { type: 'RegularExpression', value: '/v[0-9]+' } }, { url: '/v12/x' }, false],
    [
      'all at once',
      {
        method: 'GET',
        path: { type: 'Exact', value: '/a' },
        headers: [{ name: 'h', type: 'Exact', value: 'v' }],
        queries: [{ name: 'q', type: 'RegularExpression', value: '.*' }],
      },
      { url: '/a?q=', headers: { h: 'v' } },
      true,
    ],
    [
      'all but one',
      { method: 'GET', path: { type: 'Exact', value: '/a' }, headers: [{ name: 'h', type: 'Exact', value: 'v' }] },
      { url: '/a' },
      false,
    ],
  ])('matches by %s', async (_, match, { url = '/', ...options }, isMatch) => {
    await serve({ match, target: toBackend(a) });
    expect((await proxy.get(url, options)).status).toBe(isMatch ? 200 : 404);
  });

  it('has room for all the matches that the API allows', async () => {
    const sixteen = Array.from({ length: 16 }, (_, i) => ({ name: `n${i}`, type: 'Exact' as const, value: 'v' }));
    const match = { path: { type: 'Prefix' as const, value: '/a' }, method: 'GET', headers: sixteen, queries: sixteen };
    const exceptHosts = [{ name: 'not.example.com', before: 'nothing' as const }];
    await serve({ host: { name: 'example.com', before: 'labels' }, exceptHosts, match, target: toBackend(a) });
    const headers = Object.fromEntries(sixteen.map(({ name }) => [name, 'v']));
    const query = sixteen.map(({ name }) => `${name}=v`).join('&');
    const statusOf = async (host: string) => (await proxy.get(`/a?${query}`, { host, headers })).status;
    expect(await statusOf('x.y.example.com')).toBe(200);
    expect(await statusOf('not.example.com')).toBe(404);
  });

  it('changes headers on the way in and out', async () => {
    const requestHeaders = [
      {
        set: [{ name: 'X-Set', value: '100% "$HOME" it\'s' }],
        add: [{ name: 'X-Add', value: '2' }],
        remove: ['x-gone'],
      },
    ];
    const responseHeaders = [{ set: [{ name: 'X-From', value: 'proxy' }], add: [{ name: 'X-More', value: 'yes' }] }];
    await serve({ match: {}, target: toBackend(a, { requestHeaders, responseHeaders }) });
    const answer = await proxy.get('/', { headers: { 'x-set': 'old', 'x-add': '1', 'x-gone': 'here' } });
    const { headers } = JSON.parse(answer.body) as { headers: Record<string, string> };
    expect(headers).toMatchObject({ 'x-set': '100% "$HOME" it\'s', 'x-add': '1, 2' });
    expect(headers).not.toHaveProperty('x-gone');
    expect(answer.headers).toMatchObject({ 'x-from': 'proxy', 'x-more': 'yes' });
  });

  it.each([
    ['/foo', '/bar', { '/foo': '/bar', '/foo/': '/bar/', '/foo/x?q=%41': '/bar/x?q=%41', '/foo?q': '/bar?q' }],
    ['/foo/', '/', { '/foo': '/', '/foo/': '/', '/foo/foo': '/foo', '/foo?q=1': '/?q=1' }],
    ['/', '/bar', { '/': '/bar/', '/x': '/bar/x' }],
    ['/foo', '/foo/x', { '/foo': '/foo/x', '/foo/y': '/foo/x/y' }],
  ])('puts another prefix in place of %s: %s', async (prefix, replacement, cases) => {
    const match: RequestMatch = { path: { type: 'Prefix', value: prefix } };
    const change = { prefix, replacement };
    await serve(
      { match: { ...match, method: 'POST' }, target: { redirect: { path: change, status: 301, host: 'h' } } },
      { match, target: toBackend(a, { rewrite: { path: change, host: 'inner' } }) },
    );
    for (const [from, expected] of Object.entries(cases)) {
      const { url, headers } = await seen(from);
      expect(`${from} ${url} ${headers.host}`).toBe(`${from} ${expected} inner`);
      const { status, headers: answer } = await proxy.get(from, { method: 'POST' });
      expect(`${from} ${status} ${answer.location}`).toBe(`${from} 301 http://h${expected}`);
    }
  });

  it('redirects with what was asked for, but for what is told', async () => {
    const to = (redirect: Target['redirect'], url: string): Route => ({
      match: { path: { type: 'Exact', value: url } },
      target: { redirect },
    });
    await serve(
      to({ status: 302, scheme: 'https' }, '/tls'),
      to({ status: 308, host: 'other.example.com', port: 8443 }, '/host'),
      to({ status: 303, path: { full: '/100%' }, scheme: 'https', port: 443 }, '/full'),
    );
    const location = async (url: string) => {
      const { status, headers } = await proxy.get(url, { host: 'a.example.com:81' });
      return `${status} ${headers.location}`;
    };
    expect(await location('/tls?q=1')).toBe('302 https://a.example.com/tls?q=1');
    expect(await location('/host')).toBe('308 http://other.example.com:8443/host');
    expect(await location('/full?q=1')).toBe('303 https://a.example.com/100%?q=1');
  });

  it('spreads by weights, and answers 500 for the share that nobody can serve', async () => {
    const servers = [
      { address: '127.0.0.1', port: a.port, weight: 300_000 },
      { address: '127.0.0.1', port: b.port, weight: 100_000 },
    ];
    const count = async (n: number) => {
      const counts: Record<string, number> = {};
      for (let i = 0; i < n; i++) {
        const name = String(await whereTo('/'));
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    };
    await serve({ match: {}, target: { servers } });
    // As 256 to 85: haproxy's weights go no further.
    const { a: forA = 0, b: forB = 0 } = await count(40);
    expect([forA + forB, Math.abs(forB - 10) <= 2]).toEqual([40, true]);
    const model = (target: Target): ProxyModel => ({ ports: [{ port: 80, routes: [{ match: {}, target }] }] });
    await proxy.reload(model({ ...toBackend(a), failing: { weight: 1, status: 500 } }));
    const shares = await count(100);
    expect(shares['500']).toBeGreaterThan(20);
    expect(shares.a).toBeGreaterThan(20);
    await proxy.reload(model(toBackend(a, {}, 0)));
    expect(await count(3)).toEqual({ 500: 3 });
  }, 20_000);

  it('speaks HTTP/2 to a backend that knows nothing else', async () => {
    const backend = createHttp2Server((_, response) => response.end('by HTTP/2'));
    const port = await new Promise<number>((resolve) => {
      backend.listen(0, '127.0.0.1', () => resolve((backend.address() as AddressInfo).port));
    });
    await serve({ match: {}, target: { servers: [{ address: '127.0.0.1', port, weight: 1, isH2c: true }] } });
    expect((await proxy.get('/')).body).toBe('by HTTP/2');
    backend.close();
  });

  it('waits for an answer as long as it may', async () => {
    const silent = createTcpServer((socket) => socket.on('error', () => undefined));
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => resolve((silent.address() as AddressInfo).port));
    });
    const servers = [{ address: '127.0.0.1', port, weight: 1 }];
    await serve(
      { match: { path: { type: 'Exact', value: '/for-ever' } }, target: toBackend(a, { timeoutMs: 0 }) },
      { match: {}, target: { servers, timeoutMs: 50 } },
    );
    expect(await whereTo('/')).toBe(504);
    expect(await whereTo('/for-ever')).toBe('a');
    silent.close();
  });

  it('loads every expression that is let through', async () => {
    const expressions = [
      ...['', '[[:alpha:]]+', '[[:^word:]]', '(?i)abc', '(?i:a)b', '(?s).', '(?m)^a$', '(?U)a+', '(?-s).', 'a*?b'],
      ...[
        '\\bx\\B',
        '\\Ax\\z',
        '\\d{1,3}',
        '[^\\n]',
        '\\a\\f\\v',
        '\\123',
        '(|a)*',
        '()',
        '[]a]',
        'a{,2}',
        '{',
        'x{1000}',
        "it's|a b",
      ],
    ];
    for (const expression of expressions)
      expect(`${expression} ${regexProblem(expression)}`).toBe(`${expression} undefined`);
    const routes = expressions.map(
      (value): Route => ({ match: { path: { type: 'RegularExpression', value } }, target: toBackend(a) }),
    );
    await serve(...routes);
    for (const expression of [
      '(',
      'a**',
      '(?<n>a)',
      '(?P<n>a)',
      '\\pL',
      '\\x{1F600}',
      '(?=a)',
      'a\\1',
      'ü',
      '(a{100}){100}',
    ])
      expect(`${expression} ${typeof regexProblem(expression)}`).toBe(`${expression} string`);
  });

  it('takes no configuration from a value', async () => {
    const value = "x'\n  http-request return status 418\n'";
    await serve(
      {
        match: { headers: [{ name: 'h', type: 'Exact', value }] },
        target: toBackend(a, { requestHeaders: [{ set: [{ name: 'y', value }] }] }),
      },
      { match: {}, target: toBackend(b) },
    );
    expect(await whereTo('/')).toBe('b');
  });
});
