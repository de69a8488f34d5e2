/**
 * Services in the kernel: the shipped server with 1,000 services of 10 endpoints each, and the proxy of a node in a process and
 * network of its own. What is measured: the first table, from the lists that are there to the kernel that has it; one endpoint
 * changed, from the call to the API to the kernel telling of it (`nft monitor`). The floors: the `nft` program with the same
 * table; the same write to the API, and the same change by `nft`, one after the other.
 * `npx tsx bench/proxy.ts [--rounds N] [--changes N] [--services N]` (root).
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { configmaps, endpointslices } from '../src/api/generated/resources.ts';
import type { EndpointSlice } from '../src/api/generated/types.ts';
import { realClock, sleep } from '../src/base/clock.ts';
import { outputOf, runCommand } from '../src/host/command.ts';
import { replaceText } from '../src/nft/text.ts';
import { render } from '../src/proxy/render.ts';
import { services } from '../src/api/generated/resources.ts';
import { type Fixture, Part, startFixture } from './network/fixture.ts';
import type { NodeOrder } from './network/node.ts';
import { enterPrivateNamespace } from './network/private-namespace.ts';
import { option } from './option.ts';
import { median, percentile, report, type Row } from './report.ts';

enterPrivateNamespace();
const rounds = option('rounds', 5);
const changes = option('changes', 40);
const count = option('services', 1000);
const endpoints = 10;
const table = 'knarr-bench';

const rows = new Map<string, Row>();
function note(what: string, value: number, limit: Pick<Row, 'bar'> = {}): void {
  const row = rows.get(what) ?? { what, unit: 'ms', values: [], ...limit };
  row.values.push(value);
  rows.set(what, row);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const nft = (input: string) => outputOf(runCommand, { program: 'nft', args: ['-f', '-'], input });

const floorTable = `table ip floor {
  map endpoints { type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }
}`;
const slot = '10.96.0.2 . tcp . 80 . 0';
/** One element out and one in. */
const setFloor = (address: string) =>
  nft(`delete element ip floor endpoints { ${slot} }\nadd element ip floor endpoints { ${slot} : ${address} . 80 }`);

/** Tells when the kernel was told of an element with these words. */
class Monitor {
  readonly #child = spawn('nft', ['monitor', 'new', 'elements'], { stdio: ['ignore', 'pipe', 'inherit'] });
  readonly #waiting = new Map<string, () => void>();

  constructor() {
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      for (const [words, resolve] of this.#waiting) {
        if (!line.includes(words)) continue;
        this.#waiting.delete(words);
        resolve();
      }
    });
  }

  sees(words: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(words, resolve));
  }

  /** Resolves when it really listens: what it missed it never tells. */
  async listens(): Promise<void> {
    let isHeard = false;
    void this.sees('10.250.255.255 .').then(() => {
      isHeard = true;
    });
    // It reads all tables first, and again from the beginning whenever one changes meanwhile: each time it is given longer.
    for (let pauseMs = 50; !isHeard; pauseMs *= 2) {
      await setFloor('10.250.255.255');
      await sleep(realClock, pauseMs);
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

async function floorOfTable({ client, slices }: Fixture): Promise<void> {
  const { items } = await client.list(services, { namespace: 'default' });
  const node = { name: 'node-0', addresses: ['172.30.0.11'], podCIDR: '10.244.0.0/16' };
  const text = replaceText('floor', render({ services: items, endpointSlices: slices }, node));
  note('first table: the floor, nft alone', await timed(() => nft(text)));
  await nft('delete table ip floor');
}

let changed = 0;
/** An address that nobody had. */
const nextAddress = (): string => `10.250.${changed >> 8}.${changed++ & 255}`;

async function oneChange({ client, slices }: Fixture, monitor: Monitor): Promise<number> {
  const index = (changed * 7) % slices.length;
  const address = nextAddress();
  const slice = slices[index] as EndpointSlice;
  const others = (slice.endpoints ?? []).slice(1);
  const next = { ...slice, endpoints: [...others, { ...slice.endpoints?.[0], addresses: [address] }] };
  const seen = monitor.sees(`${address} .`);
  return timed(async () => {
    slices[index] = await client.update(endpointslices, next);
    await seen;
  });
}

/** The same by hands: a write, then a transaction of one element out and one in. */
async function floorOfChange({ client }: Fixture, monitor: Monitor): Promise<number> {
  const key = { namespace: 'default', name: 'floor' };
  const address = nextAddress();
  const seen = monitor.sees(`${address} .`);
  return timed(async () => {
    await client.patch(configmaps, key, { type: 'merge', body: { data: { address } } });
    await setFloor(address);
    await seen;
  });
}

const fixture = await startFixture({ count, endpoints });
await fixture.client.create(configmaps, { metadata: { namespace: 'default', name: 'floor' } });
try {
  for (let round = 0; round < rounds; round++) {
    await floorOfTable(fixture);
    const order: NodeOrder = { layout: fixture.layout, part: 'proxy', table };
    const node = await Part.start('node', order);
    const { ms } = await node.next<{ ms: number }>();
    note(`first table, ${count} services × ${endpoints} endpoints`, ms, { bar: 400 });
    await nft(`${floorTable}\nadd element ip floor endpoints { ${slot} : 10.0.0.1 . 80 }`);
    const monitor = new Monitor();
    await monitor.listens();
    const [ours, floor]: [number[], number[]] = [[], []];
    for (let i = 0; i < changes; i++) {
      ours.push(await oneChange(fixture, monitor));
      floor.push(await floorOfChange(fixture, monitor));
    }
    note('one endpoint changed, API to kernel, median', median(ours), { bar: 60 });
    note('one endpoint changed, API to kernel, p99', percentile(ours, 0.99));
    note('one endpoint changed: the floor, median', median(floor));
    monitor.stop();
    await node.stop();
    await nft(`delete table ip floor\ndelete table ip ${table}`);
  }
} finally {
  await fixture.close();
}
report('proxy', process.argv.slice(1).join(' '), [...rows.values()]);
