/**
 * The floor: a TLS server with the same settings that does nothing but take bytes, flush them with LMDB, and send bytes. POST
 * is answered with the body when it is on disk; `/list` sends a file; other GETs are watches when they say so, else a fixed
 * answer; PATCH writes and then tells every watch. Prints its port. Arguments: a folder with cert.pem, key.pem, list, event.
 */
import { readFileSync } from 'node:fs';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { open } from 'lmdb';

const folder = process.argv[2] ?? '';
const journal = open<Buffer, number>({ path: join(folder, 'journal'), overlappingSync: false, encoding: 'binary' });
const object = Buffer.alloc(1300, 'x');
const watches = new Set<Http2ServerResponse>();
let revision = 0;
let list: Buffer | undefined;
let event: Buffer | undefined;

const server = createSecureServer({
  allowHTTP1: true,
  cert: readFileSync(join(folder, 'cert.pem')),
  key: readFileSync(join(folder, 'key.pem')),
  settings: { maxConcurrentStreams: 1000, initialWindowSize: 2 ** 20 },
});

const answer = (response: Http2ServerResponse, code: number, bytes: Buffer): void => {
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': String(bytes.length) });
  response.end(bytes);
};

async function sendFile(response: Http2ServerResponse): Promise<void> {
  list ??= readFileSync(join(folder, 'list'));
  const bytes = list;
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(bytes.length) });
  const piece = 512 * 1024;
  for (let at = 0; at < bytes.length; at += piece) {
    if (!response.write(bytes.subarray(at, at + piece)))
      await new Promise((resolve) => response.once('drain', resolve));
  }
  response.end();
}

async function write(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  await journal.put(++revision, body);
  answer(response, request.method === 'POST' ? 201 : 200, object);
  if (request.method !== 'PATCH') return;
  event ??= readFileSync(join(folder, 'event'));
  for (const watch of watches) watch.write(event);
}

server.on('request', (request, response) => {
  if (request.method !== 'GET') return void write(request, response);
  if (request.url === '/list') return void sendFile(response);
  if (!request.url.includes('watch=1')) return answer(response, 200, object);
  response.writeHead(200, { 'content-type': 'application/json' });
  (response as unknown as { flushHeaders?(): void }).flushHeaders?.();
  watches.add(response);
  response.on('close', () => watches.delete(response));
});
server.on('session', (session) => session.on('error', () => session.destroy()));
server.on('secureConnection', (socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
process.on('SIGTERM', () => process.exit(0));
