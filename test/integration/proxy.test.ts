import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { NetworkLayout } from '../../src/cluster/network/layout.ts';
import { VirtualNetwork } from '../../src/cluster/network/virtual-network.ts';
import { outputOf, type RunCommand, runCommand, runInNetworkNamespace } from '../../src/host/command.ts';
import { planRoutes, routeLines } from '../../src/overlay/route-plan.ts';
import { execRoutes } from '../../src/overlay/routes.ts';
import { afterDiff, diff } from '../../src/proxy/diff.ts';
import { execRemoveFlows, staleFlows } from '../../src/proxy/flows.ts';
import type { ProxyNode } from '../../src/proxy/frontend.ts';
import { execNft } from '../../src/nft/exec.ts';
import { contentOf, type Ruleset, render, type ServiceState } from '../../src/proxy/ruleset.ts';
import { testService, testSlice } from '../../src/proxy/service-fixtures.ts';

// Needs root. Two nodes with three pods, all in network namespaces; one of them plays the host. Real packets, real nft.
const tag = `p${process.pid}`;
const hostNamespace = `kn-test-host-${tag}`;
const at = (namespace: string) => runInNetworkNamespace(runCommand, `/run/netns/${namespace}`);
const ip = (...args: string[]) => outputOf(runCommand, { program: 'ip', args });

/** Answers each connection and datagram with its name and whom it sees. */
const serverScript = `
  const name = process.argv[1];
  const udp = require('node:dgram').createSocket('udp4');
  udp.on('message', (m, from) => udp.send(name + ' ' + from.address, from.port, from.address));
  udp.bind(8080, () => require('node:net').createServer((c) => { c.on('error', () => {}); c.end(name + ' ' + c.remoteAddress); })
    .listen(8080, '0.0.0.0', () => console.log('ready')));
`;

/** Connects again and again and prints what it heard; an error is its code. */
const tcpScript = `
  const [host, port, times] = process.argv.slice(1);
  const once = () => new Promise((resolve) => {
    let text = '';
    const socket = require('node:net').connect({ host, port, timeout: 2000 });
    socket.on('data', (d) => { text += d; }).on('end', () => resolve(text)).on('error', (e) => resolve(e.code));
    socket.on('timeout', () => { socket.destroy(); resolve('TIMEOUT'); });
  });
  (async () => { const all = []; for (let i = 0; i < times; i++) all.push(await once()); console.log(JSON.stringify(all)); })();
`;

/** Sends from one fixed port, as a client that keeps its socket does. */
const udpScript = `
  const [host, port] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (m) => { console.log(JSON.stringify([String(m)])); process.exit(); });
  socket.bind(5555, () => socket.send('x', port, host));
  setTimeout(() => { console.log('["TIMEOUT"]'); process.exit(); }, 2000);
`;

describe('services on a real network', () => {
  const children: ChildProcess[] = [];
  const pods = ['a', 'b', 'c'].map((name, i) => ({
    name,
    namespace: `kn-test-${tag}-${name}`,
    node: i < 2 ? 0 : 1,
    address: i < 2 ? `10.237.1.${i + 2}` : '10.237.2.2',
    gateway: i < 2 ? '10.237.1.1' : '10.237.2.1',
  }));
  const [a, b, c] = pods as [(typeof pods)[0], (typeof pods)[0], (typeof pods)[0]];
  let folder: string;
  let network: VirtualNetwork;
  let layout: NetworkLayout;
  const current = new Map<string, Ruleset>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'knarr-proxy-'));
    await ip('netns', 'add', hostNamespace);
    await outputOf(at(hostNamespace), { program: 'ip', args: ['link', 'set', 'lo', 'up'] });
    const files = { stateFile: join(folder, 'network.json'), forwardingFile: join(folder, 'ip-forward') };
    network = new VirtualNetwork({ run: at(hostNamespace), log: silentLog }, { cluster: tag, ...files });
    layout = await network.up({ index: 7, nodes: ['node-1', 'node-2'] });
    await Promise.all(pods.map(startPod));
    const nodes = layout.nodes.map((n) => ({ name: n.name, podCIDR: `10.237.${n.ordinal}.0/24`, address: n.address }));
    for (const { name, namespace } of layout.nodes) {
      const routes = execRoutes({ run: at(namespace) });
      const tunnel = { device: 'kn-none', id: 1 };
      const plan = planRoutes(nodes, { name, links: await routes.links(), tunnel });
      await routes.apply(routeLines(await routes.listOwn(), plan.routes));
      expect(routeLines(await routes.listOwn(), plan.routes)).toEqual([]);
      await routes.enableForwarding();
    }
  });

  afterAll(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const { namespace } of pods) await ip('netns', 'del', namespace);
    await network.down();
    await ip('netns', 'del', hostNamespace);
    await rm(folder, { recursive: true });
  });

  /** As the ptp plugin does it: a routed link per pod. */
  async function startPod({ name, namespace, node, address, gateway }: (typeof pods)[0]): Promise<void> {
    const nodeNamespace = layout.nodes[node]?.namespace ?? expect.fail();
    const batch = (where: string, lines: string[]) =>
      outputOf(runCommand, { program: 'ip', args: ['-n', where, '-batch', '-'], input: lines.join('\n') });
    await ip('netns', 'add', namespace);
    await batch(nodeNamespace, [
      `link add pod-${name} type veth peer name eth0 netns ${namespace}`,
      `addr add ${gateway}/32 dev pod-${name}`,
      `link set pod-${name} up`,
      `route add ${address}/32 dev pod-${name}`,
    ]);
    await batch(namespace, [
      'link set lo up',
      `addr add ${address}/32 dev eth0`,
      'link set eth0 up',
      `route add ${gateway} dev eth0 scope link`,
      `route add default via ${gateway}`,
    ]);
    const args = [`--net=/run/netns/${namespace}`, process.execPath, '-e', serverScript, name];
    const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    if (child.stdout) await once(child.stdout, 'data');
  }

  /** Brings every node's table to this state: all of it first, differences later. */
  async function settle(state: ServiceState): Promise<void> {
    for (const { name, namespace, address } of layout.nodes) {
      const node: ProxyNode = { name, addresses: [address], podCIDR: layout.podCIDR, serviceCIDR: layout.serviceCIDR };
      const nft = execNft({ run: at(namespace) }, { table: `knarr-${tag}` });
      const from = current.get(name);
      const to = render(state, node, from);
      if (!from) await nft.replace(contentOf(to));
      else {
        await nft.apply(diff(from, to));
        await execRemoveFlows({ run: at(namespace) })(staleFlows(from, to));
      }
      current.set(name, from ? afterDiff(from, to) : to);
    }
  }

  const ask = async (run: RunCommand, script: string, args: (string | number)[]): Promise<string[]> =>
    JSON.parse(await outputOf(run, { program: process.execPath, args: ['-e', script, ...args.map(String)] }));
  const tcp = (run: RunCommand, host: string, { port = 80, times = 16 } = {}) =>
    ask(run, tcpScript, [host, port, times]);
  const namesOf = (replies: string[]) => [...new Set(replies.map((reply) => reply.split(' ')[0]))].sort();

  const web = testService('web', {
    type: 'NodePort',
    clusterIP: '10.103.0.20',
    ports: [{ port: 80, nodePort: 30080, protocol: 'TCP' }],
  });
  const sticky = testService('sticky', { clusterIP: '10.103.0.21', sessionAffinity: 'ClientIP' });
  const dns = testService('dns', { clusterIP: '10.103.0.22', ports: [{ port: 53, protocol: 'UDP' }] });
  const none = testService('none', { clusterIP: '10.103.0.23' });
  const services = [web, sticky, dns, none];
  const endpoints = (...chosen: (typeof pods)[0][]) =>
    chosen.map((pod) => ({ address: pod.address, nodeName: layout.nodes[pod.node]?.name }));
  const state = (slices: Record<string, (typeof pods)[0][]>, over: typeof services = services): ServiceState => ({
    services: over,
    endpointSlices: Object.entries(slices).map(([name, chosen]) => testSlice(name, endpoints(...chosen))),
  });

  it('reaches all endpoints from a pod, which keeps its address', async () => {
    await settle(state({ web: [a, b, c] }));
    const replies = await tcp(at(a.namespace), '10.103.0.20', { times: 40 });
    expect(namesOf(replies)).toEqual(['a', 'b', 'c']);
    expect(replies.filter((r) => !r.startsWith('a')).every((r) => r.endsWith(a.address))).toBe(true);
  });

  it('reaches a pod through the service it is the only endpoint of', async () => {
    await settle(state({ web: [a] }));
    const [reply] = await tcp(at(a.namespace), '10.103.0.20', { times: 1 });
    expect(reply).toMatch(/^a /);
    expect(reply).not.toContain(a.address);
  });

  it('serves the node and the host, by ClusterIP and by NodePort of either node', async () => {
    await settle(state({ web: [a, c] }));
    const [one, two] = [layout.nodes[0] ?? expect.fail(), layout.nodes[1] ?? expect.fail()];
    const host = at(hostNamespace);
    expect(namesOf(await tcp(at(one.namespace), '10.103.0.20'))).toEqual(['a', 'c']);
    expect(namesOf(await tcp(host, '10.103.0.20'))).toEqual(['a', 'c']);
    expect(namesOf(await tcp(host, one.address, { port: 30080 }))).toEqual(['a', 'c']);
    expect(namesOf(await tcp(host, two.address, { port: 30080 }))).toEqual(['a', 'c']);
  });

  it('refuses at once what has no endpoints, and what no service has', async () => {
    await settle(state({}));
    for (const run of [at(a.namespace), at(layout.nodes[0]?.namespace ?? ''), at(hostNamespace)]) {
      const replies = await Promise.all([
        tcp(run, '10.103.0.23', { times: 1 }),
        tcp(run, '10.103.0.20', { port: 81, times: 1 }),
        tcp(run, '10.103.99.99', { times: 1 }),
        tcp(run, layout.nodes[0]?.address ?? '', { port: 30080, times: 1 }),
      ]);
      expect(replies.flat()).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED']);
    }
  });

  it("with externalTrafficPolicy Local shows the client to this node's endpoints, and drops where there are none", async () => {
    const local = { ...web, spec: { ...web.spec, externalTrafficPolicy: 'Local' as const } };
    await settle(state({ web: [a] }, [local, ...services.slice(1)]));
    const host = at(hostNamespace);
    const replies = await tcp(host, layout.nodes[0]?.address ?? '', { port: 30080 });
    expect(new Set(replies)).toEqual(new Set([`a ${layout.hostAddress}`]));
    expect(await tcp(host, layout.nodes[1]?.address ?? '', { port: 30080, times: 1 })).toEqual(['TIMEOUT']);
    const fromPod = await tcp(at(c.namespace), layout.nodes[1]?.address ?? '', { port: 30080, times: 2 });
    expect(namesOf(fromPod)).toEqual(['a']);
    await settle(state({}));
  });

  it('keeps a client with its endpoint while others go, and finds it another when that goes', async () => {
    await settle(state({ sticky: [a, b, c] }));
    const client = at(c.namespace);
    const [chosen] = namesOf(await tcp(client, '10.103.0.21'));
    expect(namesOf(await tcp(client, '10.103.0.21'))).toEqual([chosen]);
    const kept = pods.find((pod) => pod.name === chosen) ?? expect.fail();
    const other = pods.find((pod) => pod !== kept) ?? expect.fail();
    await settle(state({ sticky: [other, kept] }));
    expect(namesOf(await tcp(client, '10.103.0.21'))).toEqual([chosen]);
    await settle(state({ sticky: [other] }));
    expect(namesOf(await tcp(client, '10.103.0.21'))).toEqual([other.name]);
  });

  it('moves a UDP client that keeps its port to an endpoint that lives', async () => {
    const client = at(c.namespace);
    await settle(state({ dns: [a] }));
    expect(namesOf(await ask(client, udpScript, ['10.103.0.22', 53]))).toEqual(['a']);
    await settle(state({ dns: [b] }));
    expect(namesOf(await ask(client, udpScript, ['10.103.0.22', 53]))).toEqual(['b']);
  });
});
