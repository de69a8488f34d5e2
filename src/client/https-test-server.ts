import { webcrypto } from 'node:crypto';
import {
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import * as resources from '../api/generated/resources.ts';
import { internalError, notFound, StatusError } from '../api/meta/status-error.ts';
import type { Resource } from '../api/resource.ts';
import type { ApiCall, ApiVerb, Transport } from './transport.ts';

export interface Identity {
  cert: string;
  key: string;
}

export interface TestServer {
  url: string;
  ca: string;
  identity: Identity;
  /** Authorization headers seen, newest last. */
  tokens: string[];
  sessions: Set<ServerHttp2Session>;
  close(): Promise<void>;
}

/** Serves a transport over HTTP/2 and TLS, so that the HTTPS transport can be tested below the real API server's floor. */
export async function serveTransport(
  behind: Transport,
  { port = 0, identity }: { port?: number; identity?: Identity } = {},
): Promise<TestServer> {
  const { cert, key } = identity ?? (await selfSigned());
  const tokens: string[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server: Http2SecureServer = createSecureServer({ cert, key });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    tokens.push(String(headers.authorization ?? ''));
    const { ':method': method = '', ':path': path = '', 'content-type': type } = headers;
    answer(behind, stream, { method, url: new URL(path, 'https://localhost'), type }).catch((error: unknown) =>
      sendError(stream, error),
    );
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const session of sessions) session.destroy();
    });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, ca: cert, identity: { cert, key }, tokens, sessions, close };
}

interface Request {
  method: string;
  url: URL;
  type?: string;
}

async function answer(behind: Transport, stream: ServerHttp2Stream, { method, url, type }: Request): Promise<void> {
  if (url.pathname === '/healthz') {
    stream.respond({ ':status': 200, 'content-type': 'text/plain' });
    stream.end('ok');
    return;
  }
  const { watch, ...query } = Object.fromEntries(url.searchParams);
  const target = parsePath(url.pathname);
  if (watch) return serveWatch(behind, stream, { ...target, query });
  const text = await readAll(stream);
  const verb = verbOf(method, target.key.name);
  const body = text === '' ? undefined : (JSON.parse(text) as unknown);
  const patchType = /application\/(json|merge|strategic-merge|apply)-patch/.exec(type ?? '')?.[1]?.split('-')[0];
  const result = await behind.call({ verb, ...target, query, body, patchType: patchType as ApiCall['patchType'] });
  stream.respond({ ':status': verb === 'create' ? 201 : 200, 'content-type': 'application/json' });
  stream.end(JSON.stringify(result));
}

function serveWatch(behind: Transport, stream: ServerHttp2Stream, call: Omit<ApiCall, 'verb'>): void {
  stream.respond({ ':status': 200, 'content-type': 'application/json' });
  const write = (event: unknown) => {
    const line = `${JSON.stringify(event)}\n`;
    // In two pieces, so that the decoder has to join them.
    stream.write(line.slice(0, 20));
    stream.write(line.slice(20));
  };
  const handle = behind.watch(call, {
    events: (batch) => batch.forEach(write),
    end(error) {
      if (error instanceof StatusError) write({ type: 'ERROR', object: error.status });
      stream.end();
    },
  });
  stream.on('close', () => handle.stop());
}

function sendError(stream: ServerHttp2Stream, error: unknown): void {
  const { status, code } = error instanceof StatusError ? error : internalError(error);
  if (stream.destroyed) return;
  stream.respond({ ':status': code, 'content-type': 'application/json' });
  stream.end(JSON.stringify(status));
}

function parsePath(path: string): Pick<ApiCall, 'resource' | 'key' | 'subresource'> {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const group = parts[0] === 'api' ? '' : (parts[1] ?? '');
  const rest = parts.slice(group ? 3 : 2);
  const namespace = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'finalize' ? rest[1] : undefined;
  const [plural = '', name, subresource] = namespace ? rest.slice(2) : rest;
  const all = Object.values(resources) as Resource[];
  const resource = all.find((r) => r.group === group && r.resource === plural);
  if (!resource) throw notFound({ group, resource: plural }, '');
  return { resource, key: { ...(namespace ? { namespace } : {}), ...(name ? { name } : {}) }, subresource };
}

function verbOf(method: string, name: string | undefined): ApiVerb {
  if (method === 'GET') return name ? 'get' : 'list';
  return (
    ({ POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' } as Record<string, ApiVerb>)[method] ?? 'get'
  );
}

async function readAll(stream: ServerHttp2Stream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function selfSigned(): Promise<Identity> {
  x509.cryptoProvider.set(webcrypto as never);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test',
    keys: keys as never,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.UTC(2020, 0, 1)),
    notAfter: new Date(Date.UTC(2100, 0, 1)),
    extensions: [
      new x509.BasicConstraintsExtension(true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { cert: cert.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
}
