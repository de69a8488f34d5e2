import { request as httpsRequest } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configmaps } from '../api/generated/resources.ts';
import { realClock } from '../base/clock.ts';
import { Health } from './health.ts';
import { startTestServer, type TestServer } from './replay/server.fake.ts';

const page = (server: TestServer, path: string) => server.send({ method: 'GET', path });

describe('a server', () => {
  let server: TestServer;
  let isClosed = false;
  beforeEach(async () => {
    isClosed = false;
    server = await startTestServer();
  });
  afterEach(async () => {
    if (!isClosed) await server.close();
  });

  it('says what its health is made of, as upstream', async () => {
    expect((await page(server, '/healthz')).body.toString()).toBe('ok');
    const verbose = (await page(server, '/readyz?verbose')).body.toString();
    expect(verbose).toMatch(
      /^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd ok\n\[\+\]etcd-readiness ok\n\[\+\]informer-sync ok\n/,
    );
    expect(verbose).toMatch(/\n\[\+\]poststarthook\/rbac\/bootstrap-roles ok\n/);
    expect(verbose).toMatch(/\n\[\+\]shutdown ok\nreadyz check passed\n$/);
    expect((await page(server, '/livez?verbose')).body.toString()).not.toContain('shutdown');
    const excluding = (await page(server, '/livez?verbose&exclude=etcd&exclude=nope')).body.toString();
    expect(excluding).toContain('[+]etcd excluded: ok\n');
    expect(excluding).toMatch(
      /warn: some health checks cannot be excluded: no matches for "nope"\nlivez check passed\n$/,
    );
    expect((await page(server, '/readyz/poststarthook/bootstrap-controller')).body.toString()).toBe('ok');
    expect((await page(server, '/readyz/nope')).status).toBe(404);
    expect((await page(server, '/livez/shutdown')).status).toBe(404);
  });

  it('that stops is not ready, and withholds why from whom it may not concern', async () => {
    server.api.health.isShuttingDown = true;
    const ready = await page(server, '/readyz');
    expect(ready.status).toBe(500);
    expect(ready.body.toString()).toMatch(/\n\[-\]shutdown failed: reason withheld\nreadyz check failed\n$/);
    expect((await page(server, '/readyz?exclude=shutdown')).body.toString()).toBe('ok');
    expect((await page(server, '/livez')).body.toString()).toBe('ok');
    const levels = (await page(server, '/metrics/slis')).body.toString();
    expect(levels).toContain('kubernetes_healthcheck{name="shutdown",type="readyz"} 0\n');
    expect(levels).toContain('kubernetes_healthcheck{name="ping",type="livez"} 1\n');
    expect(levels).toContain('kubernetes_healthchecks_total{name="shutdown",status="error",type="readyz"} 1\n');
  });

  it('is not well when its journal does not answer', async () => {
    const never = { fresh: () => Promise.reject(new Error('no etcd')) };
    const health = new Health({ store: never as never, clock: realClock });
    expect((await health.page('livez', new URLSearchParams())).text).toContain('[-]etcd failed: reason withheld\n');
  });

  it('that stops tells its watches, finishes what runs on either protocol, and takes nothing new', async () => {
    const watch = page(server, '/api/v1/namespaces/default/configmaps?watch=true&allowWatchBookmarks=true');
    const created = '/api/v1/namespaces/default/configmaps';
    const body = JSON.stringify({ metadata: { name: 'last' } });
    // Over HTTP/1.1, half sent when the server is told to stop.
    const { port, ca, cert, key } = server.tls;
    const slow = httpsRequest({ host: '127.0.0.1', port, ca, cert, key, method: 'POST', path: created });
    slow.setHeader('content-type', 'application/json').setHeader('content-length', body.length);
    // The server says that it goes on: so it has the request before it is told to stop.
    slow.setHeader('expect', '100-continue');
    const accepted = new Promise((resolve) => slow.once('continue', resolve));
    slow.write(body.slice(0, 10));
    const answered = new Promise<{ code?: number; connection?: string }>((resolve, reject) => {
      slow.on('error', reject);
      slow.on('response', (response) => {
        resolve({ code: response.statusCode, connection: response.headers.connection });
        response.resume();
      });
    });
    await accepted;
    await expect.poll(() => server.api.context.longRunning.size).toBeGreaterThan(0);
    const inflight = () => server.api.context.metrics.metrics.text();
    await expect.poll(inflight).toContain('apiserver_current_inflight_requests{request_kind="mutating"} 1\n');
    await server.admin.create(configmaps, { metadata: { name: 'seen', namespace: 'default' } });
    isClosed = true;
    const closed = server.close();
    slow.end(body.slice(10));
    expect(await answered).toMatchObject({ code: 201 });
    const told = (await watch).body.toString().trim().split('\n');
    expect(told.map((line) => (JSON.parse(line) as { type: string }).type)).toContain('ADDED');
    await closed;
    await expect(fetch(`https://127.0.0.1:${port}/readyz`)).rejects.toThrow();
  });
});
