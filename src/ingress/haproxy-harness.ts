import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type Server,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { realClock, sleep } from '../base/clock.ts';
import { atOnce } from '../base/pieces.ts';
import { configurationFile, healthPort, renderHaproxy, versionFile } from './haproxy.ts';
import { mirrorPort } from './mirror.ts';
import type { ProxyModel } from './model.ts';

const program = '/usr/sbin/haproxy';

const aMoment = () => sleep(realClock, 10);

/** A real haproxy on loopback: ports of the model are mapped to free ones of this machine. */
export class TestHaproxy {
  readonly #dir = mkdtempSync(join(tmpdir(), 'haproxy-'));
  readonly #ports = new Map<number, number>();
  #process: ChildProcess | undefined;
  #output = '';

  static async start(model: ProxyModel): Promise<TestHaproxy> {
    const proxy = new TestHaproxy();
    for (const port of [healthPort, mirrorPort, ...model.ports.map((p) => p.port)])
      proxy.#ports.set(port, await freePort());
    proxy.#write(model);
    proxy.check();
    proxy.#process = spawn(program, ['-W', '-f', join(proxy.#dir, configurationFile)]);
    for (const stream of [proxy.#process.stdout, proxy.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => (proxy.#output += chunk.toString()));
    }
    await proxy.#untilReady();
    return proxy;
  }

  #write(model: ProxyModel): void {
    const files = atOnce(renderHaproxy(model, { dir: this.#dir }));
    for (const [name, text] of Object.entries(files)) {
      const own = text.replaceAll(`127.0.0.1:${mirrorPort}`, `127.0.0.1:${this.#ports.get(mirrorPort)}`);
      const mapped = own.replace(
        /^( {2}bind ):(\d+)/gm,
        (_, bind, port) => `${bind}127.0.0.1:${this.#ports.get(Number(port))}`,
      );
      writeFileSync(join(this.#dir, name), name === configurationFile ? mapped : own);
    }
  }

  /** Throws with haproxy's own words when it does not take the configuration. */
  check(): void {
    const { status, stderr } = spawnSync(program, ['-c', '-f', join(this.#dir, configurationFile)], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`haproxy refuses its configuration: ${stderr}`);
  }

  /** As the proxy's pod does when its files have changed. Resolves when no new connection comes to the old worker any more. */
  async reload(model: ProxyModel): Promise<void> {
    const before = this.#stops();
    this.#write(model);
    this.check();
    for (let moments = 0; !(await this.#isCurrent()) || this.#stops() === before; moments++) {
      // Told while it loads it does not hear.
      if (moments % 100 === 0 && !(await this.#isCurrent())) this.#process?.kill('SIGUSR2');
      await aMoment();
    }
  }

  /** Whether it serves the files that there are. */
  async #isCurrent(): Promise<boolean> {
    const answer = await this.get('/', { port: healthPort }).catch(() => undefined);
    return answer?.body === readFileSync(join(this.#dir, versionFile), 'utf8');
  }

  /** The last that an old worker says of what it listened to; its log repeats it. */
  #stops = (): number => this.#output.match(/WARNING.*Proxy health stopped/g)?.length ?? 0;

  async #untilReady(): Promise<void> {
    while (!(await this.#isCurrent())) {
      if (this.#process?.exitCode !== null) throw new Error(`haproxy has ended: ${this.#output}`);
      await aMoment();
    }
  }

  /** What the proxy answers; `port` is the model's. */
  get(path: string, options: Ask = {}): Promise<Answer> {
    return ask(path, { ...options, address: '127.0.0.1', port: this.portOf(options.port ?? 80) });
  }

  /** The port of this machine for one of the model. */
  portOf = (port: number): number => this.#ports.get(port) ?? 0;

  async stop(): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#dir, { recursive: true });
  }
}

export interface Ask {
  address?: string;
  port?: number;
  host?: string;
  method?: string;
  headers?: Record<string, string>;
  /** Asks by TLS, with this server name. */
  sni?: string;
  agent?: RequestOptions['agent'];
  body?: string | undefined;
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  /** Common name of the certificate that was shown. */
  certificate?: string | undefined;
}

/** One request; without a `port` it goes to that of the protocol. */
export function ask(
  path: string,
  { address, port, host = 'localhost', method = 'GET', headers = {}, sni, agent, body: sent }: Ask,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: address, port, path, method, headers: { host, ...headers }, agent: agent ?? false };
    const onAnswer = (response: IncomingMessage) => {
      const socket = response.socket as TLSSocket;
      const certificate = sni === undefined ? undefined : String(socket.getPeerCertificate().subject.CN);
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, certificate }),
      );
      response.on('error', reject);
    };
    const request =
      sni === undefined
        ? httpRequest(options, onAnswer)
        : httpsRequest({ ...options, servername: sni, rejectUnauthorized: false }, onAnswer);
    request.on('error', reject);
    request.end(sent);
  });
}

export interface Received {
  name: string;
  url?: string | undefined;
  method?: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A web server that answers with its name and what it was asked for. */
export class TestBackend {
  readonly server: Server;
  /** All that it was asked for. */
  readonly received: Received[] = [];
  readonly name: string;

  static async start(name: string): Promise<TestBackend> {
    const backend = new TestBackend(name);
    await new Promise<void>((resolve) => backend.server.listen(0, '127.0.0.1', resolve));
    return backend;
  }

  private constructor(name: string) {
    this.name = name;
    this.server = createServer((request, response) => {
      const { url, method, headers } = request;
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const received = { name, url, method, headers, body };
        this.received.push(received);
        response.setHeader('x-from', name);
        response.end(JSON.stringify(received));
      });
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
