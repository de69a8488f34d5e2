/**
 * Durable creates with etcd as the journal: the shipped `knarr server --etcd` (TLS, RBAC) against what the same etcd takes of
 * the same bytes by bare puts, each so many at a time. One member, on this machine, as the server and its clients are.
 * `npx tsx bench/etcd.ts [--rounds N] [--seconds S]` (root; /usr/bin/etcd).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { realClock } from '../src/base/clock.ts';
import { EtcdClient } from '../src/store/etcd/etcd-client.ts';
import { ServerProcess } from '../test/chaos/server-process.ts';
import { OwnEtcd } from '../test/integration/own-etcd.ts';
import type { Target } from './apiserver/connection.ts';
import { compilePrograms, load, tokenOf } from './apiserver/processes.ts';
import { option } from './option.ts';
import { report, type Row } from './report.ts';

const rounds = option('rounds', 5);
const seconds = option('seconds', 4);
const widths = [1, 16, 64];

const rows = new Map<string, Row>();
function note(what: string, value: number, unit: Row['unit'], limit: Pick<Row, 'bar' | 'atLeast'> = {}): void {
  const row = rows.get(what) ?? { what, unit, values: [], ...limit };
  row.values.push(value);
  rows.set(what, row);
}

/** What the server has stored of an object of the bench. */
async function storedBytes(etcd: EtcdClient): Promise<Uint8Array> {
  const key = Buffer.from('/knarr/');
  const { kvs } = await etcd.kv.Range({ key, rangeEnd: Buffer.from('/knarr0'), limit: 100_000 });
  const found = kvs?.find((kv) => Buffer.from(kv.key ?? []).includes('probe-'));
  if (!found?.value) throw new Error('nothing of the bench is stored');
  return found.value;
}

/** Puts per second, `width` at a time, each a new key. */
async function puts(etcd: EtcdClient, value: Uint8Array, { width, prefix }: { width: number; prefix: string }) {
  const began = performance.now();
  let count = 0;
  const put = async () => {
    while (performance.now() - began < seconds * 1000) {
      const key = Buffer.from(`/floor/${prefix}/${count++}`);
      await etcd.kv.Txn({ compare: [], success: [{ requestPut: { key, value } }] });
    }
  };
  await Promise.all(Array.from({ length: width }, put));
  return count / ((performance.now() - began) / 1000);
}

async function creates(target: Target, { width, prefix }: { width: number; prefix: string }): Promise<number> {
  const made = await load({ do: 'create', kind: 'small', target, connections: width, seconds, prefix });
  return made.count / made.seconds;
}

await compilePrograms();
const own = await OwnEtcd.start();
const server = await ServerProcess.prepare({ args: ['--etcd', own.endpoints.join(',')] });
const etcd = new EtcdClient({ clock: realClock }, { endpoints: own.endpoints });
try {
  await server.start();
  await server.ready();
  const ca = readFileSync(join(server.layout.pkiDir, 'ca.crt'), 'utf8');
  const target = { port: server.layout.apiPort, ca, token: await tokenOf(server.layout) };
  await load({ do: 'create', kind: 'small', target, connections: 1, count: 10, prefix: 'probe' });
  const value = await storedBytes(etcd);
  for (let round = 0; round < rounds; round++) {
    for (const width of widths) {
      const prefix = `r${round}-${width}`;
      const floor = await puts(etcd, value, { width, prefix });
      const ours = await creates(target, { width, prefix });
      note(`creates with etcd as journal, ${width} connections`, ours, '/s');
      note(`bare puts of the same bytes, ${width} at a time`, floor, '/s');
      note(`creates of the puts, ${width}`, ours / floor, '×', { bar: 0.8, atLeast: true });
    }
  }
  report('etcd', 'npx tsx bench/etcd.ts', [...rows.values()]);
} finally {
  etcd.close();
  await server.dispose();
  await own.stop();
}
