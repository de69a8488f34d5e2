import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from 'node:http2';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRng } from '../../base/rng.ts';
import { type Client } from '../../client/client.ts';
import { createClient } from '../../client/typed-client.ts';
import { ensureClusterPki } from '../../pki/cluster-pki.ts';
import { MemoryJournal } from '../../store/memory-journal.ts';
import { ApiServer, type ApiServerOptions } from '../api-server.ts';
import { allAuthenticated, mastersGroup } from '../authn/user-info.ts';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

export interface RawRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** More of the body is to come, and never does. */
  unfinished?: boolean;
  /** Sent without a certificate. */
  anonymous?: boolean;
  /** For streams: called with what has come so far, answers whether that is enough. */
  enough?: (body: Buffer) => boolean;
}

/** An API server of its own behind HTTPS, and clients that send bytes. */
export interface TestServer {
  api: ApiServer;
  /** In process, as a member of system:masters. */
  admin: Client;
  send(request: RawRequest): Promise<RawAnswer>;
  /** For clients of one's own, as the administrator. */
  tls: { port: number; ca: string; cert: string; key: string };
  close(): Promise<void>;
}

/** How long a stream may take to say what it has to say. */
const streamMs = 1000;

/** As Go's clients have it; by default large answers wait for each other, 64 KiB at a time. */
const windowBytes = 4 * 1024 * 1024;

const serviceCidr = '10.96.0.0/16';

export async function startTestServer(
  options: Pick<ApiServerOptions, 'historyBytes' | 'requestSeats' | 'serving'> = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'apiserver-'));
  const serviceAddress = '10.96.0.1';
  const pki = await ensureClusterPki(folder, {
    clock: realClock,
    clusterName: 'test',
    addresses: ['127.0.0.1'],
    serviceAddress,
  });
  const failures: unknown[] = [];
  // All writes at one time: what is ordered by time is then ordered by name.
  const began = realClock.now();
  const standing: Clock = { ...realClock, now: () => began };
  const api = await ApiServer.start(
    {
      journal: new MemoryJournal(),
      clock: standing,
      rng: seededRng(1),
      log: silentLog,
      onFatal: (error) => failures.push(error),
    },
    {
      serviceCidr,
      ...options,
      components: () => ['controller-manager', 'scheduler'],
      ca: pki.ca.cert,
      tokenKey: pki.serviceAccount.key,
      facts: {
        caPem: pki.ca.cert,
        serverUrl: 'https://127.0.0.1:6443',
        endpointAddress: '172.30.0.254',
        endpointPort: 6443,
        serviceAddress,
        serviceCidr,
        podCidr: '10.244.0.0/16',
        dnsAddress: '10.96.0.10',
        clusterDomain: 'cluster.local',
      },
    },
  );
  const { cert, key } = pki.apiserver;
  const port = await api.listen({ hosts: ['127.0.0.1'], port: 0, cert, key, ca: pki.ca.cert });
  const url = `https://127.0.0.1:${port}`;
  const trust = { ca: pki.ca.cert };
  const open = (credentials = {}) => connectTo(url, { ...trust, ...credentials });
  const asAdmin = () => open({ cert: pki.admin.cert, key: pki.admin.key });
  let known = asAdmin();
  let unknown = open();
  /** As clients do: a connection that ended is opened again. */
  const session = (request: RawRequest): ClientHttp2Session => {
    if (request.anonymous) return unknown.destroyed ? (unknown = open()) : unknown;
    return known.destroyed ? (known = asAdmin()) : known;
  };
  return {
    api,
    admin: createClient(api.transportFor({ name: 'admin', groups: [mastersGroup, allAuthenticated] }, 'unknown')),
    send: (request) => send(session(request), request),
    tls: { port, ca: pki.ca.cert, cert: pki.admin.cert, key: pki.admin.key },
    async close() {
      await api.close();
      known.destroy();
      unknown.destroy();
      rmSync(folder, { recursive: true });
      if (failures.length > 0) throw failures[0];
    },
  };
}

function connectTo(url: string, options: SecureClientSessionOptions): ClientHttp2Session {
  const session = connect(url, { ...options, settings: { initialWindowSize: windowBytes } });
  // Every request gets the error too; without a listener it would end the process.
  return session.on('error', () => {}).on('connect', () => session.setLocalWindowSize(4 * windowBytes));
}

function send(session: ClientHttp2Session, request: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': request.method, ':path': request.path, ...request.headers },
      { endStream: request.body === undefined },
    );
    const answer: RawAnswer = { status: 0, headers: {}, body: Buffer.alloc(0) };
    const chunks: Buffer[] = [];
    const isEnough = () => request.enough?.(Buffer.concat(chunks)) ?? false;
    stream.on('response', (headers) => {
      answer.status = Number(headers[':status']);
      for (const [name, value] of Object.entries(headers)) answer.headers[name] = String(value);
      if (isEnough()) stream.close();
    });
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (isEnough()) stream.close();
    });
    // What has not come by now is missing from the answer, and the comparison will say so.
    const cancel = request.enough ? realClock.after(streamMs, () => stream.close()) : () => {};
    stream.on('error', reject);
    stream.on('close', () => {
      cancel();
      answer.body = Buffer.concat(chunks);
      resolve(answer);
    });
    if (request.unfinished) stream.write(request.body);
    else if (request.body !== undefined) stream.end(request.body);
  });
}
