/** The clients, in a process of their own: runs the one order that it is given as JSON, prints what it measured as JSON. */
import { connect, type ClientHttp2Session } from 'node:http2';
import { performance } from 'node:perf_hooks';
import { Connection, requestText, type Target } from './connection.ts';
import { configMap, event, largeConfigMap, lease, pod, renewal } from './objects.ts';

export type Order = { target: Target } & (
  | {
      do: 'create';
      kind: 'small' | 'large' | 'pod';
      prefix: string;
      connections: number;
      seconds?: number;
      count?: number;
    }
  | { do: 'get'; path: string; connections: number; seconds: number }
  | { do: 'list'; path: string }
  | { do: 'watch'; path: string; connections: number; perConnection: number; changePath: string; rounds: number }
  | {
      do: 'changes';
      path: string;
      connections: number;
      perConnection: number;
      perSecond: number;
      seconds: number;
      changePath: string;
    }
  | { do: 'hour'; nodes: number; connections: number }
);

export interface Measured {
  count: number;
  seconds: number;
  /** Milliseconds, of single requests or of whole rounds. */
  p50: number;
  p99: number;
  /** Of the last tenth of the requests. */
  lateP99: number;
}

const order = JSON.parse(process.argv[2] ?? '') as Order;
const { target } = order;
const configMaps = '/api/v1/namespaces/default/configmaps';
const mergePatch = 'application/merge-patch+json';
const events = '/api/v1/namespaces/default/events';

const at = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? 0;

/** Every connection sends its next request when the last one is answered. */
async function run(connections: number, next: (i: number) => Buffer | undefined): Promise<Measured> {
  const all = await Promise.all(Array.from({ length: connections }, () => Connection.open(target)));
  const times: number[] = [];
  let sent = 0;
  const began = performance.now();
  await Promise.all(
    all.map(async (connection) => {
      for (let request = next(sent++); request; request = next(sent++)) {
        const start = performance.now();
        await connection.send(request);
        times.push(performance.now() - start);
      }
      connection.close();
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const late = times.slice(Math.floor(times.length * 0.9));
  return { count: times.length, seconds, p50: at(times, 0.5), p99: at(times, 0.99), lateP99: at(late, 0.99) };
}

const creations = {
  small: (name: string) => ({ path: configMaps, body: configMap(name) }),
  large: (name: string) => ({ path: '/api/v1/namespaces/kube-public/configmaps', body: largeConfigMap(name) }),
  pod: (_: string, i: number) => ({ path: '/api/v1/namespaces/default/pods', body: pod(i) }),
};

function create(o: Extract<Order, { do: 'create' }>): Promise<Measured> {
  const end = performance.now() + (o.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  return run(o.connections, (i) => {
    if (i >= (o.count ?? Number.POSITIVE_INFINITY) || performance.now() > end) return undefined;
    const { path, body } = creations[o.kind](`${o.prefix}-${i}`, i);
    return requestText(target, { method: 'POST', path, body });
  });
}

/** 360 renewals of each lease (patches: these clients keep no versions) and 40 events of each node: what an hour of quiet nodes writes. */
async function hour({ nodes, connections }: Extract<Order, { do: 'hour' }>): Promise<Measured> {
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const perNode = 400;
  await run(connections, (i) =>
    i < nodes ? requestText(target, { method: 'POST', path: leases, body: lease(`bench-${i}`) }) : undefined,
  );
  return run(connections, (i) => {
    if (i >= nodes * perNode) return undefined;
    const [node, turn] = [`bench-${i % nodes}`, Math.floor(i / nodes)];
    if (turn % 10 === 9) return requestText(target, { method: 'POST', path: events, body: event(node, i) });
    return requestText(target, { method: 'PATCH', path: `${leases}/${node}`, body: renewal(turn), type: mergePatch });
  });
}

function session(): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const made = connect(`https://127.0.0.1:${target.port}`, {
      ca: target.ca,
      settings: { initialWindowSize: 2 ** 20 },
    });
    made.once('connect', () => resolve(made));
    made.once('error', reject);
  });
}

/** Opens watches; resolves when all are answered. `seen` is called for each piece that one of them brings. */
async function openWatches(o: { path: string; connections: number; perConnection: number }, seen: () => void) {
  const sessions = await Promise.all(Array.from({ length: o.connections }, session));
  const headers = { authorization: `Bearer ${target.token}`, accept: 'application/json', ':path': o.path };
  const opened = sessions.flatMap((one) =>
    Array.from(
      { length: o.perConnection },
      () =>
        new Promise<void>((resolve, reject) => {
          const stream = one.request(headers);
          stream.on('response', (answer) =>
            answer[':status'] === 200 ? resolve() : reject(new Error(`a watch was answered ${answer[':status']}`)),
          );
          stream.on('data', seen);
          stream.on('error', reject);
        }),
    ),
  );
  await Promise.all(opened);
  return () => sessions.forEach((one) => one.destroy());
}

const patch = (path: string, i: number): Buffer =>
  requestText(target, { method: 'PATCH', path, body: JSON.stringify({ data: { turn: String(i) } }), type: mergePatch });

/** How long until a change has reached all watches. */
async function watch(o: Extract<Order, { do: 'watch' }>): Promise<Measured> {
  let left = 0;
  let all = () => {};
  const close = await openWatches(o, () => --left === 0 && all());
  const writer = await Connection.open(target);
  const times: number[] = [];
  for (let i = 0; i < o.rounds; i++) {
    left = o.connections * o.perConnection;
    const arrived = new Promise<void>((resolve) => (all = resolve));
    const began = performance.now();
    await Promise.all([writer.send(patch(o.changePath, i)), arrived]);
    // The first one warms up.
    if (i > 0) times.push(performance.now() - began);
  }
  close();
  writer.close();
  return { count: times.length, seconds: 0, p50: at(times, 0.5), p99: at(times, 0.99), lateP99: 0 };
}

/** Changes at an even pace while watches are open; the latencies are those of the writes. */
async function changes(o: Extract<Order, { do: 'changes' }>): Promise<Measured> {
  let events = 0;
  const close = await openWatches(o, () => events++);
  const writer = await Connection.open(target);
  const began = performance.now();
  const times: number[] = [];
  for (let i = 0; i < o.perSecond * o.seconds; i++) {
    const due = began + (i * 1000) / o.perSecond;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    const start = performance.now();
    await writer.send(patch(o.changePath, i));
    times.push(performance.now() - start);
  }
  const seconds = (performance.now() - began) / 1000;
  close();
  writer.close();
  return { count: events, seconds, p50: at(times, 0.5), p99: at(times, 0.99), lateP99: 0 };
}

function get(o: Extract<Order, { do: 'get' }>): Promise<Measured> {
  const request = requestText(target, { method: 'GET', path: o.path });
  const end = performance.now() + o.seconds * 1000;
  return run(o.connections, () => (performance.now() < end ? request : undefined));
}

/** `count` is the size in bytes. */
async function list({ path }: Extract<Order, { do: 'list' }>): Promise<Measured> {
  const connection = await Connection.open(target);
  const began = performance.now();
  const size = await connection.send(requestText(target, { method: 'GET', path }));
  const ms = performance.now() - began;
  connection.close();
  return { count: size, seconds: ms / 1000, p50: ms, p99: ms, lateP99: 0 };
}

const orders = { create, get, list, watch, changes, hour } as Record<Order['do'], (o: never) => Promise<Measured>>;
console.log(JSON.stringify(await orders[order.do](order as never)));
