import { Client, credentials, Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort, TestBackend, TestHaproxy } from '../haproxy-harness.ts';
import { service, viewOf } from '../ingress-fixtures.ts';
import { gatewayOf, planOf, routeOf } from './gateway-fixtures.ts';
import type { GRPCRoute, GRPCRouteRule, HTTPRouteFilter, HTTPRouteRule } from './types.ts';

/** A gRPC server that answers with its name, and with what it is sent on a stream. */
class TestCalls {
  readonly calls: string[] = [];
  readonly #name: string;
  readonly #server = new Server();
  port = 0;

  constructor(name: string) {
    this.#name = name;
  }

  async start(): Promise<void> {
    const shape = (path: string, isStream: boolean) => ({
      ...method(path),
      requestStream: isStream,
      responseStream: isStream,
    });
    for (const name of ['test.One', 'test.Two'])
      this.#server.addService(
        { Get: shape(`/${name}/Get`, false), Set: shape(`/${name}/Set`, false), Talk: shape(`/${name}/Talk`, true) },
        {
          Get: this.#answer(`${name}/Get`),
          Set: this.#answer(`${name}/Set`),
          Talk: (call: NodeJS.ReadWriteStream) => call.pipe(call),
        } as never,
      );
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
  }

  #answer =
    (name: string) =>
    ({ request }: { request: string }, done: (error: null, value: string) => void): void => {
      this.calls.push(`${name} ${request}`);
      done(null, this.#name);
    };

  stop = (): void => this.#server.forceShutdown();
}

/** Two processes and a busy machine. */
const patient = { timeout: 15_000 };
const bytes = (text: string): Buffer => Buffer.from(text);
const text = (data: Buffer): string => data.toString();
const method = (path: string) => ({
  path,
  requestSerialize: bytes,
  requestDeserialize: text,
  responseSerialize: bytes,
  responseDeserialize: text,
});

let [a, b] = [] as TestBackend[] as [TestBackend, TestBackend];
const [c, d] = [new TestCalls('c'), new TestCalls('d')];
let proxy: TestHaproxy;
beforeAll(async () => {
  [a, b] = [await TestBackend.start('a'), await TestBackend.start('b')];
  await c.start();
  await d.start();
});
afterEach(async () => {
  await proxy.stop();
  a.received.length = b.received.length = 0;
});
afterAll(async () => {
  c.stop();
  d.stop();
  await a.stop();
  await b.stop();
});

/** Services by names and ports of this machine. */
const viewFor = (ports: Record<string, number>) => {
  const services = Object.entries(ports).map(([name, port]) => {
    const one = service(name, [{ port }]);
    return { ...one, metadata: { ...one.metadata, namespace: 'infra' } };
  });
  return { ...viewOf({ services }), grants: [], labelsOf: () => ({}) };
};
const known = () => ({ a: a.port, b: b.port, c: c.port, d: d.port });
const ref = (name: keyof ReturnType<typeof known>) => ({ name, port: known()[name] });
const serve = async (...rules: HTTPRouteRule[]) => {
  proxy = await TestHaproxy.start(planOf(gatewayOf({}), { http: [routeOf({ rules })] }, viewFor(known())).model);
};
const mirror = (
  backendRef: { name: string; port: number },
  more: Partial<NonNullable<HTTPRouteFilter['requestMirror']>> = {},
): HTTPRouteFilter => ({ type: 'RequestMirror', requestMirror: { backendRef, ...more } });
const from = async (url: string, options: Parameters<TestHaproxy['get']>[1] = {}) => {
  const { status: code, body, headers } = await proxy.get(url, options);
  return { code, name: body && (JSON.parse(body) as { name: string }).name, headers };
};

const without = (headers: object, name: string) =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));

describe('a mirror in a real haproxy', () => {
  it('gets what the backend gets, by every method', async () => {
    const filters: HTTPRouteFilter[] = [
      { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-set', value: 'yes' }] } },
      mirror(ref('b')),
    ];
    await serve({ filters, backendRefs: [ref('a')] });
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];
    for (const name of methods) {
      const body = ['POST', 'PUT', 'PATCH'].includes(name) ? `body of ${name}` : undefined;
      const headers = {
        'x-twice': '1, 2',
        'x-knarr-mirror-to': 'nobody',
        ...(body ? { 'content-length': `${body.length}` } : {}),
      };
      const answer = await proxy.get(`/${name}?q=%41`, { method: name, host: 'a.example', headers, body });
      expect([answer.status, answer.headers['x-from']]).toEqual([200, 'a']);
    }
    await expect.poll(() => b.received.length, patient).toBe(methods.length);
    const shown = ({ received }: TestBackend) =>
      received
        .map(({ method: name, url, body, headers }) => ({ name, url, body, headers: without(headers, 'connection') }))
        .sort((x, y) => ((x.name ?? '') < (y.name ?? '') ? -1 : 1));
    const expected = shown(a).map((one) => ({ ...one, headers: without(one.headers, 'x-knarr-mirror-to') }));
    expect(shown(b)).toEqual(expected);
    expect(shown(b)[0]?.headers).toMatchObject({ 'x-set': 'yes', 'x-forwarded-for': '127.0.0.1', host: 'a.example' });
  });

  it('is nothing to wait for, and nothing that has to be there', async () => {
    const sockets: { destroy(): unknown }[] = [];
    const silent = createTcpServer((socket) => sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const closed = await freePort();
    const view = viewFor({ ...known(), silent: port, closed });
    const filters = [mirror({ name: 'silent', port }), mirror({ name: 'closed', port: closed }), mirror(ref('b'))];
    const rules = [{ filters, backendRefs: [ref('a')] }];
    proxy = await TestHaproxy.start(planOf(gatewayOf({}), { http: [routeOf({ rules })] }, view).model);
    for (let i = 0; i < 20; i++) expect((await from('/')).name).toBe('a');
    await expect.poll(() => b.received.length, patient).toBe(20);
    // More than may be under way: the rest is not copied, and served all the same.
    for (let i = 0; i < 60; i++) expect((await from('/')).name).toBe('a');
    await expect.poll(() => sockets.length, patient).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('gets no body that is too large, and what comes after it', async () => {
    await serve({ filters: [mirror(ref('b'))], backendRefs: [ref('a')] });
    const post = (url: string, size: number) => from(url, { method: 'POST', body: 'x'.repeat(size) });
    expect(await post('/large', 300_000)).toMatchObject({ code: 200, name: 'a' });
    for (let i = 0; i < 3; i++) expect(await post('/fits', 200_000)).toMatchObject({ code: 200, name: 'a' });
    await expect
      .poll(() => b.received.map(({ url, body }) => `${url} ${body.length}`), patient)
      .toEqual(Array.from({ length: 3 }, () => '/fits 200000'));
  });

  it('gets its share', async () => {
    await serve({
      filters: [mirror(ref('b'), { fraction: { numerator: 1, denominator: 4 } })],
      backendRefs: [ref('a')],
    });
    for (let i = 0; i < 200; i++) await from('/');
    await expect.poll(() => b.received.length, patient).toBeGreaterThan(20);
    expect(b.received.length).toBeLessThan(90);
  });
});

describe('filters of single backends in a real haproxy', () => {
  it('change what goes to their own', async () => {
    const set = (value: string): HTTPRouteFilter[] => [
      { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-for', value }] } },
      { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-by', value }] } },
      { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: `/${value}` } } },
    ];
    const moved: HTTPRouteFilter = { type: 'RequestRedirect', requestRedirect: { hostname: 'else.example' } };
    await serve({
      matches: [{ path: { value: '/old' } }],
      backendRefs: [
        { ...ref('a'), weight: 2, filters: set('for-a') },
        { ...ref('b'), weight: 1, filters: set('for-b') },
        { ...ref('b'), weight: 1, filters: [moved] },
      ],
    });
    const counts: Record<string, number> = {};
    for (let i = 0; i < 200; i++) {
      const { status: code, headers, body } = await proxy.get('/old/x');
      const seen = code === 200 ? (JSON.parse(body) as (typeof a.received)[number]) : undefined;
      const key = seen
        ? `${seen.name} ${seen.url} ${seen.headers['x-for']} ${headers['x-by']}`
        : `${code} ${headers.location}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    expect(Object.keys(counts).sort()).toEqual([
      '302 http://else.example/old/x',
      'a /for-a/x for-a for-a',
      'b /for-b/x for-b for-b',
    ]);
    const forA = counts['a /for-a/x for-a for-a'] ?? 0;
    expect([forA > 60, forA < 140]).toEqual([true, true]);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(20);
  });
});

describe('a GRPCRoute in a real haproxy', () => {
  let client: Client;
  afterEach(() => client.close());
  const serveCalls = async (...rules: GRPCRouteRule[]) => {
    const grpc = [routeOf<GRPCRoute>({ hostnames: ['calls.example'], rules })];
    proxy = await TestHaproxy.start(planOf(gatewayOf({}), { grpc }, viewFor(known())).model);
    client = new Client(`127.0.0.1:${proxy.portOf(80)}`, credentials.createInsecure(), {
      'grpc.default_authority': 'calls.example',
    });
  };
  /** Who has answered, or the name of the status. */
  const call = (path: string, headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve) => {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      const onAnswer = (error: ServiceError | null, value?: string) =>
        resolve(error ? (status[error.code] ?? '') : (value ?? ''));
      client.makeUnaryRequest(path, bytes, text, 'hello', metadata, onAnswer);
    });

  it('goes by service, method and headers', async () => {
    await serveCalls(
      { matches: [{ method: { service: 'test.One', method: 'Get' } }], backendRefs: [ref('c')] },
      { matches: [{ method: { service: 'test.One' } }], backendRefs: [ref('d')] },
      {
        matches: [{ method: { type: 'RegularExpression', service: 'test[.]T.*', method: 'G.t' } }],
        backendRefs: [ref('c')],
      },
      { matches: [{ method: { method: 'Set' }, headers: [{ name: 'x-to', value: 'c' }] }], backendRefs: [ref('c')] },
    );
    const places = {
      '/test.One/Get': 'c',
      '/test.One/Set': 'd',
      '/test.Two/Get': 'c',
      '/test.Two/Set': 'UNIMPLEMENTED',
    };
    for (const [path, place] of Object.entries(places)) expect(`${path} ${await call(path)}`).toBe(`${path} ${place}`);
    expect(await call('/test.Two/Set', { 'x-to': 'c' })).toBe('c');
  });

  it('carries streams in both directions', async () => {
    await serveCalls({ backendRefs: [ref('c')] });
    const stream = client.makeBidiStreamRequest('/test.One/Talk', bytes, text);
    const answers: string[] = [];
    const ended = new Promise((resolve) => stream.on('end', resolve));
    stream.on('data', (answer: string) => {
      answers.push(answer);
      if (answers.length < 3) stream.write(`${answer}.`);
      else stream.end();
    });
    stream.write('hi');
    await ended;
    expect(answers).toEqual(['hi', 'hi.', 'hi..']);
  });

  it('answers UNAVAILABLE for a service that is missing', async () => {
    await serveCalls({ backendRefs: [{ name: 'gone', port: 80 }] });
    expect(await call('/test.One/Get')).toBe('UNAVAILABLE');
  });

  it('is mirrored to servers of gRPC', async () => {
    d.calls.length = 0;
    await serveCalls({ filters: [mirror(ref('d'))], backendRefs: [ref('c')] });
    expect(await call('/test.One/Get')).toBe('c');
    await expect.poll(() => d.calls, patient).toEqual(['test.One/Get hello']);
  });
});
