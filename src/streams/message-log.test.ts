import { createServer, type IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { sendLog } from './message-log.ts';
import { bytesOf } from './websocket.ts';

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A client of a server that hands on `log`; what it hears, and how it ends. */
async function listen(log: PassThrough, ...protocols: string[]) {
  const server = createServer();
  servers.push(server);
  server.on('upgrade', (request, socket, head) =>
    sendLog({ request, socket, head }, log as unknown as IncomingMessage),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as { port: number }).port}/`, protocols);
  const heard: string[] = [];
  client.on('message', (data: Buffer, isBinary) => heard.push(`${isBinary ? 'bytes' : 'text'} ${bytesOf(data)}`));
  const closed = new Promise<number>((resolve) => client.on('close', resolve));
  await new Promise((resolve) => client.on('open', resolve));
  return { client, heard, closed };
}

it.each([
  { protocols: [], spoken: '', heard: 'bytes one\n' },
  { protocols: ['binary.k8s.io'], spoken: 'binary.k8s.io', heard: 'bytes one\n' },
  { protocols: ['none.such', 'base64.binary.k8s.io'], spoken: 'base64.binary.k8s.io', heard: 'text b25lCg==' },
])('sends a log in messages, and ends with it: $protocols', async ({ protocols, spoken, heard }) => {
  const log = new PassThrough();
  const client = await listen(log, ...protocols);
  expect(client.client.protocol).toBe(spoken);
  log.end('one\n');
  expect(await client.closed).toBe(1000);
  expect(client.heard).toEqual([heard]);
});

it('breaks off with a log that breaks off, and lets go of the log when the client goes away', async () => {
  const broken = new PassThrough();
  const first = await listen(broken);
  broken.destroy(new Error('the node is gone'));
  expect(await first.closed).toBe(1006);
  const log = new PassThrough();
  const second = await listen(log);
  second.client.close();
  await expect.poll(() => log.destroyed).toBe(true);
});
