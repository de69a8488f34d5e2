import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createAuthority, issueCertificate, type KeyPair } from '../../../src/pki/issue.ts';

export interface Asked {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  /** The common name of the caller's certificate, once verified. */
  caller: string;
}

const root = '/apis/fleet.test.io/v1';
const gvk = { group: 'fleet.test.io', version: 'v1', kind: 'Boat' };
const boat = (name: string) => ({
  apiVersion: 'fleet.test.io/v1',
  kind: 'Boat',
  metadata: { name, namespace: 'default' },
});

const boatsPath = `${root}/namespaces/default/boats`;

const documents: Record<string, object> = {
  [root]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: 'fleet.test.io/v1',
    resources: [
      {
        name: 'boats',
        singularName: 'boat',
        namespaced: true,
        kind: 'Boat',
        verbs: ['get', 'list', 'create', 'delete'],
        shortNames: ['bo'],
      },
      { name: 'boats/rudder', singularName: '', namespaced: true, kind: 'Boat', verbs: ['get'] },
    ],
  },
  '/openapi/v3': { paths: { 'apis/fleet.test.io/v1': { serverRelativeURL: `/openapi/v3${root}?hash=1` } } },
  [`/openapi/v3${root}`]: {
    openapi: '3.0.0',
    info: { title: 'fleet', version: '1' },
    paths: { [`${root}/namespaces/{namespace}/boats`]: { get: { 'x-kubernetes-group-version-kind': gvk } } },
    components: {
      schemas: {
        Boat: {
          type: 'object',
          description: 'A boat that another server keeps.',
          properties: { hull: { type: 'string', description: 'What it is made of.' } },
          'x-kubernetes-group-version-kind': [gvk],
        },
      },
    },
  },
  '/openapi/v2': {
    swagger: '2.0',
    paths: {
      [`${root}/namespaces/{namespace}/boats`]: { get: { operationId: 'listBoats', responses: {} } },
      '/apis/other.test.io/v1/things': { get: { responses: {} } },
    },
    definitions: { 'io.test.fleet.v1.Boat': { type: 'object' } },
  },
};

/** A small aggregated API server that keeps boats: believes `X-Remote-*` headers of the front proxy alone, as a real one does. */
export class AggregatedServer {
  readonly asked: Asked[] = [];
  /** Answers nothing but errors while true. */
  isBroken = false;
  readonly ca: string;
  readonly #server: Server;
  readonly #boats = new Map([['knarr', boat('knarr')]]);

  /** `hosts`: what its certificate is for. */
  static async start(frontProxyCa: string, hosts: string[]): Promise<AggregatedServer> {
    const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
    const ca = await createAuthority('fleet-ca', validity);
    const own = await issueCertificate(ca, { commonName: 'fleet', hosts, usages: ['server auth'], ...validity });
    const server = new AggregatedServer({ ca, own }, frontProxyCa);
    await new Promise<void>((resolve) => server.#server.listen(0, '0.0.0.0', resolve));
    return server;
  }

  private constructor({ ca, own }: { ca: KeyPair; own: KeyPair }, frontProxyCa: string) {
    this.ca = ca.cert;
    const options = { ...own, ca: frontProxyCa, requestCert: true, rejectUnauthorized: true };
    this.#server = createServer(options, (request, response) => this.#serve(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, socket: TLSSocket) => {
      this.#note(request);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #note(request: IncomingMessage): void {
    const { raw } = (request.socket as TLSSocket).getPeerCertificate();
    const caller = new X509Certificate(raw).subject.replace('CN=', '');
    this.asked.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, caller });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    this.#note(request);
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const found = documents[path] ?? this.#boat(request.method ?? '', path, text);
      const code = this.isBroken ? 500 : found ? (request.method === 'POST' ? 201 : 200) : 404;
      response.writeHead(code, { 'content-type': 'application/json' });
      if (!found || this.isBroken) return void response.end('{"kind":"Status","apiVersion":"v1","status":"Failure"}');
      if (!query.includes('watch=true')) return void response.end(JSON.stringify(found));
      response.write(`${JSON.stringify({ type: 'ADDED', object: boat('knarr') })}\n`);
    });
  }

  /** A boat or all of them, made and deleted where that is asked. */
  #boat(method: string, path: string, text: string): object | undefined {
    if (path === boatsPath && method === 'POST') {
      const { metadata } = JSON.parse(text) as ReturnType<typeof boat>;
      this.#boats.set(metadata.name, boat(metadata.name));
      return this.#boats.get(metadata.name);
    }
    if (path === boatsPath) {
      const type = { apiVersion: 'fleet.test.io/v1', kind: 'BoatList' };
      return { ...type, metadata: { resourceVersion: '1' }, items: [...this.#boats.values()] };
    }
    const name = path.startsWith(`${boatsPath}/`) ? path.slice(boatsPath.length + 1) : '';
    const found = this.#boats.get(name);
    if (method === 'DELETE') this.#boats.delete(name);
    return found;
  }
}
