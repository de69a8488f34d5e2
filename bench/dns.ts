/**
 * Names by the DNS server of a node, in a process and network of its own, fed by the shipped server with 1,000 services: how
 * many answers a second at most, how late they are at 5,000 questions a second, and how soon after a change in the API they are
 * right. Clients are another process; the floor is a server that sends questions back. A lost or wrong answer ends the bench.
 * `npx tsx bench/dns.ts [--rounds N] [--seconds S] [--services N]` (root).
 */
import { Resolver } from 'node:dns/promises';
import { services } from '../src/api/generated/resources.ts';
import { usage } from './apiserver/processes.ts';
import { outputOf, runCommand } from '../src/host/command.ts';
import type { DnsMeasured, DnsOrder } from './network/dns-load.ts';
import { type Fixture, nameOf, Part, startFixture } from './network/fixture.ts';
import type { NodeOrder } from './network/node.ts';
import { enterPrivateNamespace } from './network/private-namespace.ts';
import { option } from './option.ts';
import { percentile, report, type Row } from './report.ts';

enterPrivateNamespace();
const rounds = option('rounds', 5);
const seconds = option('seconds', 4);
const count = option('services', 1000);
/** Questions that are open at once: enough that the server is never idle, and none is dropped on the way to it. */
const width = 64;
const echoAddress = '127.0.0.53';

const rows = new Map<string, Row>();
function note(what: string, value: number, unit: Row['unit'], limit: Pick<Row, 'bar' | 'atLeast'> = {}): void {
  const row = rows.get(what) ?? { what, unit, values: [], ...limit };
  row.values.push(value);
  rows.set(what, row);
}

const names = Array.from({ length: count }, (_, i) => `${nameOf(i)}.default.svc.cluster.local`);

async function load(order: Omit<DnsOrder, 'names' | 'seconds'>): Promise<DnsMeasured> {
  const part = await Part.start('dns-load', { ...order, names, seconds });
  const measured = await part.next<DnsMeasured>();
  if (measured.wrong > 0 || measured.lost > 0) throw new Error(`lost or wrong: ${JSON.stringify(measured)}`);
  return measured;
}

/** From the call that makes a service to the first answer that knows it, each asked for again and again. */
async function untilRight({ client }: Fixture, address: string, round: number): Promise<number[]> {
  const resolver = new Resolver({ timeout: 1000 });
  resolver.setServers([address]);
  const took: number[] = [];
  for (let i = 0; i < 20; i++) {
    const name = `new-${round}-${i}`;
    const began = performance.now();
    await client.create(services, { metadata: { namespace: 'default', name }, spec: { ports: [{ port: 80 }] } });
    while (!(await resolver.resolve4(`${name}.default.svc.cluster.local`).catch(() => undefined)));
    took.push(performance.now() - began);
  }
  return took;
}

const fixture = await startFixture({ count, endpoints: 10 });
const address = fixture.layout.network.dnsAddress;
try {
  const echo = await Part.start('dns-echo', { address: echoAddress });
  await echo.next();
  for (let round = 0; round < rounds; round++) {
    const floor = await load({ address: echoAddress, width });
    note('answers a second: the floor', floor.answered / floor.seconds, '/s');
    const order: NodeOrder = { layout: fixture.layout, part: 'dns', table: '' };
    const node = await Part.start('node', order);
    await node.next();
    const before = usage(String(node.child.pid)).cpuMs;
    const most = await load({ address, width });
    note('processor time of an answer', (usage(String(node.child.pid)).cpuMs - before) / most.answered, 'ms');
    note('answers a second', most.answered / most.seconds, '/s', { bar: 15_000, atLeast: true });
    const steady = await load({ address, rate: 5000 });
    note('p99 at 5,000 a second', steady.p99, 'ms', { bar: 5 });
    note('p99 at 5,000 a second: the floor', (await load({ address: echoAddress, rate: 5000 })).p99, 'ms');
    note('right after a change, p99', percentile(await untilRight(fixture, address, round), 0.99), 'ms', { bar: 100 });
    await node.stop();
    await outputOf(runCommand, { program: 'ip', args: ['addr', 'del', `${address}/32`, 'dev', 'lo'] });
  }
  await echo.stop();
} finally {
  await fixture.close();
}
report('dns', process.argv.slice(1).join(' '), [...rows.values()]);
