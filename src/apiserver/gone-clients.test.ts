import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startTestServer, type TestServer } from './replay/server.fake.ts';

/** Clients that are gone before the server has begun what they ask for. */
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

interface Asked {
  method: string;
  path: string;
  /** The length of the body of which only the beginning comes. */
  length?: number;
}

/** Requests and their ends arrive together. */
function askAndLeave({ method, path, length }: Asked): Promise<void> {
  const { port, ca, cert, key } = server.tls;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, cert, key }, () => {
      const body = length ? `Content-Length: ${length}\r\n\r\n{` : '\r\n';
      socket.end(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${body}`);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
    socket.resume();
  });
}

function askAndReset({ method, path, length }: Asked): Promise<void> {
  const { port, ca, cert, key } = server.tls;
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, cert, key }, () => {
      const headers = { ':path': path, ':method': method, ...(length ? { 'content-length': length } : {}) };
      const streams = Array.from({ length: 40 }, () => session.request(headers, { endStream: !length }));
      for (const stream of streams) stream.on('error', () => {});
      if (length) for (const stream of streams) stream.write('{');
      setImmediate(() => {
        for (const stream of streams) stream.close(8);
        session.close(resolve);
      });
    });
    session.on('error', reject);
  });
}

const ways = [
  ['HTTP/1.1', askAndLeave],
  ['HTTP/2', askAndReset],
] as const;

it.each(ways)('leave no watch behind: %s', async (_, ask) => {
  const { longRunning } = server.api.context;
  const asked = { method: 'GET', path: '/api/v1/configmaps?watch=1&resourceVersion=0' };
  await Promise.all(Array.from({ length: 20 }, () => ask(asked)));
  await vi.waitFor(() => expect(longRunning.size).toBe(0));
});

/** How many requests have a seat, of those that need one. */
async function seated(): Promise<number> {
  const { body } = await server.send({ method: 'GET', path: '/metrics' });
  const lines = body.toString().matchAll(/^apiserver_flowcontrol_current_executing_requests\{.*\} (\d+)$/gm);
  return Array.from(lines, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
}

it.each(ways)('keep no seat for a body that does not come: %s', async (_, ask) => {
  const before = await seated();
  const asked = { method: 'POST', path: '/api/v1/namespaces/default/configmaps', length: 1000 };
  await Promise.all(Array.from({ length: 20 }, () => ask(asked)));
  await vi.waitFor(async () => expect(await seated()).toBe(before));
});
