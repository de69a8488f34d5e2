/** One run of one shape of `bench/scheduler.ts`, in its own process; prints its figures as a JSON list. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { namespaces, nodes, pods, priorityclasses, serviceaccounts, services } from '../src/api/generated/resources.ts';
import type { Node, Pod } from '../src/api/generated/types.ts';
import { ApiServer } from '../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup } from '../src/apiserver/authn/user-info.ts';
import { type Clock, realClock } from '../src/base/clock.ts';
import { type Logger, silentLog } from '../src/base/log.ts';
import { machineRng, type Rng, seededRng } from '../src/base/rng.ts';
import type { Client } from '../src/client/client.ts';
import { Informer } from '../src/client/informer.ts';
import type { Transport } from '../src/client/transport.ts';
import { createClient } from '../src/client/typed-client.ts';
import { Snapshot } from '../src/placement/snapshot.ts';
import { schedule } from '../src/scheduler/cycle.ts';
import { WindowMemory } from '../src/scheduler/node-window.ts';
import { defaultProfile } from '../src/scheduler/plugins.ts';
import { startScheduler } from '../src/scheduler/scheduler.ts';
import { createTrust } from '../src/simulation/trust.ts';
import { LmdbJournal } from '../src/store/lmdb/lmdb-journal.ts';
import { namespaceOf, type Shape, shapes } from './scheduler-shapes.ts';

const [how = 'api', name = 'basic', share = '1'] = process.argv.slice(2);
const shape = shapes[name]?.(Number(share));
if (!shape) throw new Error(`no shape ${name}`);

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** The scheduler alone: snapshot and cycle, no API server, no informers, no bindings. */
function alone({ nodes: all, before, measured, namespaces: names, namespaceLabels }: Shape): number[] {
  const snapshot = new Snapshot();
  const memory = new WindowMemory();
  const rng = seededRng(1);
  for (const one of names) snapshot.setNamespace(one, namespaceLabels ?? {});
  for (const one of all) snapshot.updateNode(one);
  let start = 0;
  const place = (pod: Pod): void => {
    const result = schedule({ snapshot, profile: defaultProfile }, pod, { rng, start, memory });
    start = (start + result.evaluated) % snapshot.size;
    if ('node' in result) snapshot.addPod(pod, result.node);
    else {
      // What the API server would do: the victims are gone when the pod comes again.
      const nominated = result.remedies.find((remedy) => remedy.nominated)?.nominated;
      if (!nominated) throw new Error(`${pod.metadata.name} was not placed`);
      for (const victim of nominated.victims) snapshot.removePod(victim.metadata.uid as string);
      snapshot.addPod(pod, nominated.node);
    }
  };
  before.forEach(place);
  const attempts = new Float64Array(measured.length);
  const [began, cpuBegan] = [performance.now(), cpuMs()];
  measured.forEach((pod, i) => {
    const from = cpuMs();
    place(pod);
    attempts[i] = cpuMs() - from;
  });
  const perSecond = (ms: number) => (measured.length * 1000) / ms;
  const p99 = attempts.sort()[Math.floor((measured.length - 1) * 0.99)] as number;
  return [perSecond(performance.now() - began), perSecond(cpuMs() - cpuBegan), p99];
}

/** As a server does it: API server on an lmdb journal and the scheduler, each under its own name, in one process. */
async function throughApi(one: Shape): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-bench-scheduler-'));
  const deps = { clock: realClock, rng: machineRng, log: silentLog };
  const api = await startApi(folder, deps);
  const writes = new Map<string, number>();
  const clientAs = (user: string, groups: string[], counted?: Map<string, number>) => {
    const transport = api.transportFor({ name: user, groups: [...groups, allAuthenticated] }, user);
    return createClient(counted ? counting(transport, counted) : transport);
  };
  const admin = clientAs('admin', [mastersGroup]);
  const watched = new Informer<Pod>({ client: admin, ...deps }, pods);
  const bound: number[] = [];
  const onBound = (pod: Pod, old?: Pod) => {
    if (pod.spec.nodeName && !old?.spec.nodeName) bound.push(performance.now());
  };
  watched.addHandler({ added: (pod) => onBound(pod), updated: (old, pod) => onBound(pod, old) });
  watched.start();
  await watched.synced;
  for (const namespace of one.namespaces) {
    await admin.create(namespaces, namespaceOf(namespace, one.namespaceLabels));
    await admin.create(serviceaccounts, { metadata: { name: 'default', namespace } });
  }
  await admin.create(priorityclasses, { metadata: { name: 'high' }, value: 10 });
  await inParallel(one.nodes, (node) => createNode(admin, node));
  const createPod = ({ metadata: { uid: _uid, ...metadata }, spec }: Pod) => admin.create(pods, { metadata, spec });
  const start = () => startScheduler({ client: clientAs('system:kube-scheduler', [], writes), ...deps });
  const untilBound = (count: number) => watched.waitUntil(() => bound.length >= count);
  if (one.before.length > 0) {
    await inParallel(one.before, createPod);
    const scheduler = start();
    await untilBound(one.before.length);
    scheduler.stop();
  }
  await inParallel(one.hopeless ?? [], createPod);
  const createdFrom = performance.now();
  await inParallel(one.measured, createPod);
  const creates = one.measured.length / ((performance.now() - createdFrom) / 1000);
  const stopChurn = one.churn ? churn(admin) : () => {};
  const delay = monitorEventLoopDelay({ resolution: 1 });
  writes.clear();
  const scheduler = start();
  await untilBound(one.before.length + 1);
  delay.enable();
  const cpuFrom = cpuMs();
  await untilBound(one.before.length + one.measured.length);
  const seconds = ((bound.at(-1) as number) - (bound[one.before.length] as number)) / 1000;
  const perSecond = (s: number) => (one.measured.length - 1) / s;
  const perPod = [...writes.values()].reduce((a, b) => a + b, 0) / one.measured.length;
  const ofProcessor = perSecond((cpuMs() - cpuFrom) / 1000);
  const figures = [perSecond(seconds), ofProcessor, creates, delay.percentile(99) / 1e6, perPod];
  stopChurn();
  scheduler.stop();
  console.error(`the scheduler's writes: ${[...writes].map(([what, count]) => `${count} ${what}`).join(', ')}`);
  watched.stop();
  await api.close();
  rmSync(folder, { recursive: true });
  return figures;
}

/** Counts the writes by verb, resource and subresource. */
const counting = (transport: Transport, counts: Map<string, number>): Transport => ({
  call(call) {
    if (call.verb !== 'get' && call.verb !== 'list') {
      const what = [call.verb, call.resource.resource, call.subresource].filter(Boolean).join(' ');
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    return transport.call(call);
  },
  watch: (call, sink) => transport.watch(call, sink),
});

async function startApi(folder: string, deps: { clock: Clock; rng: Rng; log: Logger }): Promise<ApiServer> {
  const trust = await createTrust([realClock]);
  const network = {
    serviceCidr: '10.96.0.0/12',
    serviceAddress: '10.96.0.1',
    podCidr: '10.128.0.0/9',
    dnsAddress: '10.96.0.10',
  };
  return ApiServer.start(
    {
      journal: new LmdbJournal(folder),
      ...deps,
      onFatal: (error) => {
        throw error;
      },
    },
    {
      serviceCidr: network.serviceCidr,
      ca: trust.ca.cert,
      tokenKey: trust.tokenKey,
      facts: {
        caPem: trust.ca.cert,
        serverUrl: 'https://localhost',
        endpointAddress: '172.31.255.254',
        endpointPort: 6443,
        clusterDomain: 'cluster.local',
        ...network,
      },
    },
  );
}

async function createNode(admin: Client, node: Node): Promise<void> {
  const created = await admin.create(nodes, node);
  const ready = await admin.update(nodes, { ...created, status: node.status }, { subresource: 'status' });
  // What the node controller does for a node that is ready.
  await admin.update(nodes, { ...ready, spec: { ...ready.spec, taints: [] } });
}

async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await run(items[i] as T);
  };
  await Promise.all(Array.from({ length: 64 }, worker));
}

function churn(admin: Client): () => void {
  const [template] = shapes['basic']?.(0.001).nodes ?? [];
  let round = 0;
  const timer = setInterval(() => {
    const label = `churn-${round++}`;
    const metadata = { name: label, namespace: 'bench' };
    const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '9' } } }];
    const made = Promise.all([
      createNode(admin, { ...(template as Node), metadata: { name: label } }),
      admin.create(pods, { metadata, spec: { containers } }),
      admin.create(services, { metadata, spec: { ports: [{ port: 80 }], selector: { app: label } } }),
    ]);
    void made.then(() =>
      Promise.all([
        admin.delete(nodes, { name: label }),
        admin.delete(pods, metadata, { gracePeriodSeconds: 0 }),
        admin.delete(services, metadata),
      ]),
    );
  }, 1000);
  return () => clearInterval(timer);
}

process.stdout.write(JSON.stringify(how === 'alone' ? alone(shape) : await throughApi(shape)));
process.exit(0);
