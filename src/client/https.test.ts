import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { configmaps } from '../api/generated/resources.ts';
import type { StatusError } from '../api/meta/status-error.ts';
import { realClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { FakeTransport } from './fake.ts';
import { HttpsTransport } from './https.ts';
import { serveTransport, type TestServer } from './https-test-server.ts';
import { Informer } from './informer.ts';
import { ServerList } from './server-list.ts';
import { transportContract } from './transport.contract.ts';
import { createClient } from './typed-client.ts';

const fake = () => new FakeTransport({ clock: realClock, rng: seededRng(1) });

transportContract('https', async () => {
  const behind = fake();
  const server = await serveTransport(behind);
  const transport = new HttpsTransport({ clock: realClock }, { server: server.url, ca: server.ca });
  return {
    client: createClient(transport),
    compact: () => behind.compact(),
    async close() {
      transport.close();
      await server.close();
    },
  };
});

describe('HttpsTransport', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  function connectTo(server: TestServer, token?: string) {
    const options = { server: server.url, ca: server.ca, credentials: { token } };
    const transport = new HttpsTransport({ clock: realClock }, options);
    closing.push(() => transport.close());
    return transport;
  }
  async function serve(behind = fake(), again?: TestServer) {
    const options = again ? { port: Number(new URL(again.url).port), identity: again.identity } : {};
    const server = await serveTransport(behind, options);
    closing.push(() => server.close());
    return server;
  }

  it('uses one session for all requests and carries the token, also a replaced one', async () => {
    const server = await serve();
    const transport = connectTo(server, 'first');
    const client = createClient(transport);
    await Promise.all([client.list(configmaps), client.list(configmaps)]);
    expect(server.sessions.size).toBe(1);
    transport.useCredentials({ token: 'second' });
    await client.list(configmaps);
    expect(server.tokens).toEqual(['Bearer first', 'Bearer first', 'Bearer second']);
  });

  it('gives raw answers of any path', async () => {
    const response = await connectTo(await serve()).raw('GET', '/healthz');
    const chunks = await response.stream.toArray();
    expect([response.status, Buffer.concat(chunks).toString()]).toEqual([200, 'ok']);
  });

  it('says ServiceUnavailable, and why, when nobody listens', async () => {
    const server = await serve();
    const transport = connectTo(server);
    await server.close();
    const error = await createClient(transport)
      .list(configmaps)
      .catch((e: unknown) => e as StatusError);
    expect((error as StatusError).reason).toBe('ServiceUnavailable');
    expect((error as StatusError).message).toMatch(/^connect ECONNREFUSED/);
  });

  it('lets an informer follow a server that went away and came back', async () => {
    const behind = fake();
    const first = await serve(behind);
    const client = createClient(connectTo(first));
    const deps = { client, clock: realClock, rng: seededRng(2), log: silentLog };
    const informer = new Informer(deps, configmaps);
    closing.push(() => informer.stop());
    informer.start();
    await informer.synced;
    await first.close();
    await createClient(behind).create(configmaps, { metadata: { name: 'later', namespace: 'default' } });
    await serve(behind, first);
    await informer.waitUntil(() => informer.get('default/later') !== undefined);
    expect(informer.list().map((o) => o.metadata.name)).toEqual(['later']);
  });

  it('goes to another server when the one it has is gone, and its watches too', async () => {
    const behind = fake();
    const first = await serve(behind);
    const second = await serveTransport(behind, { identity: first.identity });
    closing.push(() => second.close());
    const servers = new ServerList([first.url, second.url]);
    const transport = new HttpsTransport({ clock: realClock }, { server: servers, ca: first.ca });
    closing.push(() => transport.close());
    const client = createClient(transport);
    const informer = new Informer({ client, clock: realClock, rng: seededRng(2), log: silentLog }, configmaps);
    closing.push(() => informer.stop());
    informer.start();
    await informer.synced;
    expect(second.sessions.size).toBe(0);
    await first.close();
    await createClient(behind).create(configmaps, { metadata: { name: 'later', namespace: 'default' } });
    await informer.waitUntil(() => informer.get('default/later') !== undefined);
    expect([servers.current, second.sessions.size]).toEqual([second.url, 1]);
  });

  it('leaves a server that takes connections and says nothing', async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    closing.push(() => silent.close());
    const other = await serve();
    const clock = new VirtualClock();
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const servers = new ServerList([url, other.url]);
    const transport = new HttpsTransport({ clock }, { server: servers, ca: other.ca });
    closing.push(() => transport.close());
    const lost = expect(createClient(transport).list(configmaps)).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
    });
    await clock.advance(5_000);
    await lost;
    expect(servers.current).toBe(other.url);
    expect((await createClient(transport).list(configmaps)).items).toEqual([]);
  });
});
