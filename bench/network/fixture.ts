/** What the benches of the network measure on: the shipped server with many services, and a node's part beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { build } from 'esbuild';
import { endpointslices, services } from '../../src/api/generated/resources.ts';
import type { EndpointSlice } from '../../src/api/generated/types.ts';
import type { Client } from '../../src/client/client.ts';
import type { ClusterLayout } from '../../src/cluster/layout.ts';
import { ServerProcess } from '../../test/chaos/server-process.ts';

const root = join(import.meta.dirname, '../..');
const compiled = (name: string): string => join(root, `.cache/bench/network/${name}.mjs`);

/** Compiled first: a loader in the processes would be measured too. */
async function compile(name: string): Promise<string> {
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile: compiled(name),
    bundle: true,
    external: ['lmdb'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
  return compiled(name);
}

export interface Fixture {
  layout: ClusterLayout;
  client: Client;
  /** Of the services, in their order. */
  slices: EndpointSlice[];
  close(): Promise<void>;
}

export const nameOf = (service: number): string => `bench-${service}`;

/** The shipped `knarr server`, every write on disk, with so many services of so many endpoints each. */
export async function startFixture({ count, endpoints }: { count: number; endpoints: number }): Promise<Fixture> {
  const server = await ServerProcess.prepare();
  await server.start();
  await server.ready();
  const { client, close } = await server.client();
  const slices: EndpointSlice[] = [];
  const make = async (service: number) => {
    const name = nameOf(service);
    const metadata = { namespace: 'default', name };
    await client.create(services, { metadata, spec: { ports: [{ name: 'http', port: 80 }] } });
    slices[service] = await client.create(endpointslices, {
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4' as EndpointSlice['addressType'],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: Array.from({ length: endpoints }, (_, i) => {
        const n = service * endpoints + i;
        // One of three is on the node that is measured.
        return { addresses: [`10.244.${n >> 8}.${n & 255}`], nodeName: `node-${n % 3}`, conditions: { ready: true } };
      }),
    });
  };
  for (let from = 0; from < count; from += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - from) }, (_, i) => make(from + i)));
  }
  return {
    layout: server.layout,
    client,
    slices,
    async close() {
      close();
      await server.dispose();
    },
  };
}

/** A process of ours that says things, one line of JSON each. */
export class Part {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  static async start(name: string, order: object): Promise<Part> {
    return new Part(await compile(name), order);
  }

  private constructor(program: string, order: object) {
    this.child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
    process.once('exit', () => this.child.kill('SIGKILL'));
    if (!this.child.stdout) throw new Error('no output');
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the process ended');
    return JSON.parse(value) as T;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
