/**
 * The API server under load: the shipped program with the configuration that `up` writes (TLS, RBAC, every write on disk
 * before it is answered), driven by a process of clients. The floor, a bare TLS server over the same journal library, is
 * measured in turn with it. Any answer that is not a success ends the bench.
 * `npx tsx bench/apiserver.ts [--rounds N] [--seconds S] [--only create|get|list|watch|hour|pods]` (root).
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { get } from 'node:https';
import {
  type Bare,
  compilePrograms,
  knarr,
  load,
  measureReady,
  probeDelay,
  resetPeak,
  serverPid,
  type Shipped,
  startBare,
  startShipped,
  usage,
} from './apiserver/processes.ts';
import type { Target } from './apiserver/connection.ts';
import { option } from './option.ts';
import { percentile, report, type Row } from './report.ts';

const rounds = option('rounds', 5);
const seconds = option('seconds', 4);
const only = option('only', '');

const configMaps = '/api/v1/namespaces/default/configmaps';
const rows = new Map<string, Row>();
/** A figure of one round. */
function note(what: string, value: number, unit: Row['unit'], limit: Pick<Row, 'bar' | 'atLeast'> = {}): void {
  const row = rows.get(what) ?? { what, unit, values: [], ...limit };
  console.error(`${what}: ${value.toFixed(2)} ${unit}`);
  row.values.push(value);
  rows.set(what, row);
}
const atLeast = (bar: number) => ({ bar, atLeast: true });
const atMost = (bar: number) => ({ bar });

type Case = (shipped: Shipped, bare: Bare, round: number) => Promise<void>;

/** How many a second, and what each takes of the server's processor time: that holds also while others use the machine. */
async function rate(pid: string, order: Parameters<typeof load>[0]): Promise<{ perSecond: number; cpuMs: number }> {
  const before = usage(pid).cpuMs;
  const { count, seconds: took } = await load(order);
  return { perSecond: count / took, cpuMs: (usage(pid).cpuMs - before) / count };
}

/** The same of the floor and of ours, in this order. */
async function rates(
  what: string,
  { shipped, bare }: { shipped: Shipped; bare: Bare },
  orderFor: (target: Target, whose: string) => Parameters<typeof load>[0],
  bars: { perSecond?: number; ofFloor?: number },
): Promise<void> {
  const floor = await rate(bare.pid, orderFor(bare.target, 'floor'));
  const ours = await rate(serverPid(shipped.layout), orderFor(shipped.target, 'ours'));
  note(what, ours.perSecond, '/s', bars.perSecond ? atLeast(bars.perSecond) : {});
  note(`${what}: the floor`, floor.perSecond, '/s');
  note(`${what}: of the floor`, ours.perSecond / floor.perSecond, '×', bars.ofFloor ? atLeast(bars.ofFloor) : {});
  note(`${what}: processor time each`, ours.cpuMs, 'ms');
  note(`${what}: processor time each, the floor`, floor.cpuMs, 'ms');
}

const create: Case = async (shipped, bare, round) => {
  const bars: Record<number, number | undefined> = { 16: 3500, 64: 5000 };
  for (const connections of [1, 16, 64]) {
    const order = { do: 'create', kind: 'small', connections, seconds } as const;
    await rates(
      `durable creates, ${connections} connections`,
      { shipped, bare },
      (target, whose) => ({ ...order, target, prefix: `${whose}-${round}-${connections}` }),
      { perSecond: bars[connections], ofFloor: 0.6 },
    );
  }
};

const getOne: Case = async (shipped, bare) => {
  const order = { do: 'get', path: `${configMaps}/kube-root-ca.crt`, connections: 16, seconds } as const;
  const bars = { perSecond: 12_000 };
  await rates('GET one object, 16 connections', { shipped, bare }, (target) => ({ ...order, target }), bars);
};

/** The bytes of an answer. */
const fetchBytes = ({ port, ca, token }: Target, path: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    get({ host: '127.0.0.1', port, path, ca, headers, agent: false }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('end', () => resolve(Buffer.concat(pieces)));
    }).on('error', reject);
  });

/** In a namespace of their own. */
const large = '/api/v1/namespaces/kube-public/configmaps';

const list: Case = async ({ target, layout }, bare, round) => {
  if (round === 0) {
    await load({ do: 'create', target, kind: 'large', prefix: 'list', connections: 16, count: 20_000 });
    bare.setList(await fetchBytes(target, large));
  }
  const floor = await load({ do: 'list', target: bare.target, path: '/list' });
  const before = usage(serverPid(layout)).resident;
  resetPeak(serverPid(layout));
  const ours = await load({ do: 'list', target, path: large });
  note('consistent LIST of 20,000 ConfigMaps', ours.p50, 'ms');
  note('its size', ours.count / 2 ** 20, 'MB');
  note('a bare sender of the same bytes', floor.p50, 'ms');
  note('LIST of the floor', ours.p50 / floor.p50, '×', atMost(1.3));
  note('extra memory meanwhile', usage(serverPid(layout)).peak - before, 'MB', atMost(20));
};

/** From where on a watch brings only what is new. */
const newest = async (target: Target): Promise<string> => {
  const { metadata } = JSON.parse((await fetchBytes(target, `${configMaps}?limit=1`)).toString());
  return `${configMaps}?watch=1&resourceVersion=${metadata.resourceVersion}`;
};

/** What is changed: an object that no controller has anything to say about. */
const changePath = `${configMaps}/bench-changed-0`;
const makeChanged = (target: Target) =>
  load({ do: 'create', target, kind: 'small', prefix: 'bench-changed', connections: 1, count: 1 });

const watch: Case = async ({ target, layout }, bare, round) => {
  if (round === 0) {
    await makeChanged(target);
    const warmUp = { connections: 1, perConnection: 1, changePath, rounds: 2, path: await newest(target) };
    await load({ do: 'watch', target, ...warmUp });
    const object = (await fetchBytes(target, changePath)).toString().trim();
    bare.setEvent(Buffer.from(`{"type":"MODIFIED","object":${object}}\n`));
  }
  const many = { connections: 50, perConnection: 100, changePath, rounds: 6, path: await newest(target) };
  const floor = await load({ do: 'watch', target: bare.target, ...many });
  const ours = await load({ do: 'watch', target, ...many });
  note('one change to 5,000 watches over 50 connections', ours.p50, 'ms');
  note('the floor', floor.p50, 'ms');
  note('change to 5,000 watches of the floor', ours.p50 / floor.p50, '×', atMost(1.5));
  const before = usage(serverPid(layout)).cpuMs;
  const pace = { perSecond: 100, seconds: 10, connections: 50, perConnection: 10, changePath };
  const steady = await load({ do: 'changes', target, path: await newest(target), ...pace });
  const cores = (usage(serverPid(layout)).cpuMs - before) / (steady.seconds * 1000);
  note('100 changes/s to 500 watches: of one core', cores * 100, '%', atMost(50));
};

const folderMegabytes = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0) / 2 ** 20;

const hour = async ({ target, layout }: Shipped): Promise<void> => {
  const before = folderMegabytes(layout.stateDir);
  const { count, seconds: took, p99, lateP99 } = await load({ do: 'hour', target, nodes: 500, connections: 8 });
  note("an hour's writes of 500 nodes (leases, events)", count / took, '/s');
  note('the journal afterwards', folderMegabytes(layout.stateDir), 'MB', atMost(128));
  note('the journal before', before, 'MB');
  note('p99 of the last tenth of that of all', lateP99 / p99, '×', atMost(1.5));
};

const pods = async (shipped: Shipped): Promise<void> => {
  const { target, layout } = shipped;
  const made = await load({ do: 'create', target, kind: 'pod', prefix: 'pod', connections: 16, count: 100_000 });
  note('100,000 pods created', made.count / made.seconds, '/s');
  note('resident with them', usage(serverPid(layout)).resident, 'MB', atMost(900));
  await makeChanged(target);
  const stop = probeDelay(target);
  const pace = { connections: 1, perConnection: 1, perSecond: 50, seconds: 20, changePath };
  await load({ do: 'changes', target, path: await newest(target), ...pace });
  note('p99 of a trivial request under 50 writes/s', percentile(await stop(), 0.99), 'ms', atMost(20));
  note('ready with them in the journal', await measureReady(shipped), 'ms', atMost(3000));
  note('resident after that start', usage(serverPid(layout)).resident, 'MB');
};

/** In turn, on one cluster. */
const together: Record<string, Case> = { create, get: getOne, list, watch };
/** Once, each on a cluster of its own: memory and journal hold what the case wrote, and nothing else. */
const alone: Record<string, (shipped: Shipped) => Promise<void>> = { hour, pods };
const isWanted = ([name]: [string, unknown]): boolean => !only || only === name;

async function onCluster(use: (shipped: Shipped) => Promise<void>): Promise<void> {
  try {
    await use(await startShipped());
  } finally {
    await knarr('down', '--purge');
  }
}

async function inTurn(shipped: Shipped): Promise<void> {
  const bare = await startBare(shipped.layout, shipped.target.ca);
  try {
    for (let round = 0; round < rounds; round++)
      for (const [, run] of Object.entries(together).filter(isWanted)) await run(shipped, bare, round);
  } finally {
    bare.stop();
  }
}

await compilePrograms();
if (Object.entries(together).some(isWanted)) await onCluster(inTurn);
for (const [, run] of Object.entries(alone).filter(isWanted)) await onCluster(run);
const flags = process.argv.slice(2).join(' ');
report(only ? `apiserver-${only}` : 'apiserver', `npx tsx bench/apiserver.ts ${flags}`.trim(), [...rows.values()]);
