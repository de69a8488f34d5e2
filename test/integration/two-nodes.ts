import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import type { NetworkLayout } from '../../src/cluster/network/layout.ts';
import { VirtualNetwork } from '../../src/cluster/network/virtual-network.ts';
import { outputOf, type RunCommand, runCommand, runInNetworkNamespace } from '../../src/host/command.ts';
import { execNft } from '../../src/nft/exec.ts';
import { planRoutes, routeLines } from '../../src/overlay/route-plan.ts';
import { execRoutes } from '../../src/overlay/routes.ts';
import { execRemoveFlows } from '../../src/proxy/flows.ts';
import type { ProxyNode } from '../../src/proxy/frontend.ts';
import type { ServiceState } from '../../src/proxy/render.ts';
import { ServiceBook } from '../../src/proxy/service-book.ts';

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

const at = (namespace: string) => runInNetworkNamespace(runCommand, `/run/netns/${namespace}`);
const ip = (...args: string[]) => outputOf(runCommand, { program: 'ip', args });

export interface TestPod {
  name: string;
  namespace: string;
  /** Index of its node. */
  node: number;
  address: string;
  gateway: string;
  /** Runs a program in its network. */
  run: RunCommand;
}

const ask = async (run: RunCommand, script: string, args: (string | number)[]): Promise<string[]> =>
  JSON.parse(await outputOf(run, { program: process.execPath, args: ['-e', script, ...args.map(String)] }));

/** Connects as often as told; each answer is `name client`, or the code of an error. */
export const tcp = (run: RunCommand, host: string, { port = 80, times = 16 } = {}): Promise<string[]> =>
  ask(run, tcpScript, [host, port, times]);

/** One datagram from a port that is always the same. */
export const udp = (run: RunCommand, host: string, port: number): Promise<string[]> =>
  ask(run, udpScript, [host, port]);

/**
 * Two nodes with three pods (two on the first), all in network namespaces; one of them plays the host. Real packets, real
 * nft. Needs root; everything is gone after `close`.
 */
export class TwoNodes {
  readonly tag: string;
  readonly pods: TestPod[];
  readonly host: RunCommand;
  readonly #hostNamespace: string;
  readonly #children: ChildProcess[] = [];
  readonly #current = new Map<string, { book: ServiceBook; state: ServiceState }>();
  #folder = '';
  #network: VirtualNetwork | undefined;
  #layout: NetworkLayout | undefined;

  constructor(tag: string) {
    this.tag = tag;
    this.#hostNamespace = `kn-test-host-${tag}`;
    this.host = at(this.#hostNamespace);
    this.pods = ['a', 'b', 'c'].map((name, i) => {
      const namespace = `kn-test-${tag}-${name}`;
      const address = i < 2 ? `10.237.1.${i + 2}` : '10.237.2.2';
      const gateway = i < 2 ? '10.237.1.1' : '10.237.2.1';
      return { name, namespace, node: i < 2 ? 0 : 1, address, gateway, run: at(namespace) };
    });
  }

  get layout(): NetworkLayout {
    if (!this.#layout) throw new Error('not open');
    return this.#layout;
  }

  /** The nodes, with what runs a program in the network of each. */
  get nodes() {
    return this.layout.nodes.map((node) => ({ ...node, run: at(node.namespace) }));
  }

  async open(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'knarr-nodes-'));
    await ip('netns', 'add', this.#hostNamespace);
    await outputOf(this.host, { program: 'ip', args: ['link', 'set', 'lo', 'up'] });
    const files = { stateFile: join(this.#folder, 'network.json'), forwardingFile: join(this.#folder, 'ip-forward') };
    this.#network = new VirtualNetwork({ run: this.host, log: silentLog }, { cluster: this.tag, ...files });
    this.#layout = await this.#network.up({ index: 7, nodes: ['node-1', 'node-2'] });
    await Promise.all(this.pods.map((pod) => this.#startPod(pod)));
    const nodes = this.nodes.map((n) => ({ name: n.name, podCIDR: `10.237.${n.ordinal}.0/24`, address: n.address }));
    for (const { name, run } of this.nodes) {
      const routes = execRoutes({ run });
      const plan = planRoutes(nodes, { name, links: await routes.links(), tunnel: { device: 'kn-none', id: 1 } });
      await routes.apply(routeLines(await routes.listOwn(), plan.routes));
      await routes.enableForwarding();
    }
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const { namespace } of this.pods) await ip('netns', 'del', namespace);
    await this.#network?.down();
    await ip('netns', 'del', this.#hostNamespace);
    await rm(this.#folder, { recursive: true });
  }

  /** As the ptp plugin does it: a routed link per pod. */
  async #startPod({ name, namespace, node, address, gateway }: TestPod): Promise<void> {
    const nodeNamespace = this.layout.nodes[node]?.namespace ?? '';
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
    this.#children.push(child);
    if (child.stdout) await once(child.stdout, 'data');
  }

  /** Brings every node's table of services to this state: all of it first, differences later. */
  async settle(state: ServiceState): Promise<void> {
    const { podCIDR, serviceCIDR } = this.layout;
    for (const { name, run, address } of this.nodes) {
      const node: ProxyNode = { name, addresses: [address], podCIDR, serviceCIDR };
      const nft = execNft({ run }, { table: `knarr-${this.tag}` });
      const known = this.#current.get(name);
      const book = known?.book ?? new ServiceBook(node);
      for (const slice of known?.state.endpointSlices ?? []) book.removeSlice(slice);
      for (const service of known?.state.services ?? []) book.removeService(service);
      for (const slice of state.endpointSlices) book.setSlice(slice);
      for (const service of state.services) book.setService(service);
      if (known) await nft.apply(book.takeChanges());
      else {
        await nft.replace(book.takeContent());
      }
      await execRemoveFlows({ run })(book.takeStaleFlows());
      this.#current.set(name, { book, state });
    }
  }
}
