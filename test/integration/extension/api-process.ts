import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type RequestOptions, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiServer, type ApiServerOptions } from '../../../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup } from '../../../src/apiserver/authn/user-info.ts';
import { realClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { seededRng } from '../../../src/base/rng.ts';
import type { Client } from '../../../src/client/client.ts';
import { createClient } from '../../../src/client/typed-client.ts';
import { type ClusterPki, ensureClusterPki } from '../../../src/pki/cluster-pki.ts';
import type { Journal } from '../../../src/store/journal.ts';
import type { SharedJournal } from '../../../src/store/shared-journal.ts';
import { MemoryJournal } from '../../../src/store/memory-journal.ts';

export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed JSON, or text. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it
  body: any;
}

interface SendOptions {
  headers?: Record<string, string>;
  body?: unknown;
}

/** A real API server behind HTTPS, asked as an administrator; without controllers and nodes. */
export class ApiProcess {
  readonly api: ApiServer;
  readonly pki: ClusterPki;
  readonly port: number;
  readonly #folder: string;
  readonly #agent: Agent;

  /** With a journal of its own the state of another one is opened. */
  static async start(
    journal: Journal | SharedJournal = new MemoryJournal(),
    more: Partial<ApiServerOptions> = {},
  ): Promise<ApiProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'extension-'));
    const serviceAddress = '10.96.0.1';
    const pki = await ensureClusterPki(folder, {
      clock: realClock,
      clusterName: 'test',
      addresses: ['127.0.0.1'],
      serviceAddress,
    });
    const onFatal = (error: unknown) => {
      throw error;
    };
    const api = await ApiServer.start(
      { journal, clock: realClock, rng: seededRng(1), log: silentLog, onFatal },
      {
        serviceCidr: '10.96.0.0/16',
        ca: pki.ca.cert,
        tokenKey: pki.serviceAccount.key,
        frontProxy: { ...pki.frontProxy.client, ca: pki.frontProxy.ca.cert },
        ...more,
        facts: {
          caPem: pki.ca.cert,
          serverUrl: 'https://127.0.0.1:6443',
          endpointAddress: '172.30.0.254',
          endpointPort: 6443,
          serviceAddress,
          serviceCidr: '10.96.0.0/16',
          podCidr: '10.244.0.0/16',
          dnsAddress: '10.96.0.10',
          clusterDomain: 'cluster.local',
        },
      },
    );
    const { cert, key } = pki.apiserver;
    const port = await api.listen({ hosts: ['127.0.0.1'], port: 0, cert, key, ca: pki.ca.cert });
    return new ApiProcess(api, pki, { port, folder });
  }

  private constructor(api: ApiServer, pki: ClusterPki, at: { port: number; folder: string }) {
    this.api = api;
    this.pki = pki;
    this.port = at.port;
    this.#folder = at.folder;
    this.#agent = new Agent({ keepAlive: true, ca: pki.ca.cert, cert: pki.admin.cert, key: pki.admin.key });
  }

  /** In process, as an administrator. */
  client(userAgent = 'test'): Client {
    return createClient(this.api.transportFor({ name: 'admin', groups: [mastersGroup, allAuthenticated] }, userAgent));
  }

  send(method: string, path: string, options: SendOptions = {}): Promise<HttpAnswer> {
    return this.#send({ method, path, agent: this.#agent }, options);
  }

  /** Without a certificate. */
  anonymously(method: string, path: string, options: SendOptions = {}): Promise<HttpAnswer> {
    return this.#send({ method, path, agent: false, ca: this.pki.ca.cert }, options);
  }

  #send(to: RequestOptions, options: SendOptions): Promise<HttpAnswer> {
    const { body } = options;
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers };
    return new Promise((resolve, reject) => {
      const sent = httpsRequest({ host: '127.0.0.1', port: this.port, ...to, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const raw = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed(raw) });
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }

  get = (path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> =>
    this.send('GET', path, { headers });
  post = (path: string, body: unknown): Promise<HttpAnswer> => this.send('POST', path, { body });
  put = (path: string, body: unknown): Promise<HttpAnswer> => this.send('PUT', path, { body });
  patch = (path: string, body: unknown, type = 'merge-patch+json'): Promise<HttpAnswer> =>
    this.send('PATCH', path, { body, headers: { 'content-type': `application/${type}` } });

  /** Asks again until the answer is as wanted. */
  async until(path: string, wanted: (answer: HttpAnswer) => boolean): Promise<HttpAnswer> {
    for (;;) {
      const answer = await this.get(path);
      if (wanted(answer)) return answer;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Creates a definition and waits until it is served. */
  async define(definition: { metadata: { name: string } }): Promise<HttpAnswer> {
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const answer = await this.post(path, definition);
    if (answer.status !== 201) throw new Error(`definition refused: ${JSON.stringify(answer.body)}`);
    return this.until(`${path}/${definition.metadata.name}`, ({ body }) =>
      body.status?.conditions?.some(
        (c: { type: string; status: string }) => c.type === 'Established' && c.status === 'True',
      ),
    );
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.api.close();
    rmSync(this.#folder, { recursive: true });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
