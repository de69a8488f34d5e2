import { dirname } from 'node:path';
import type { Logger } from '../../base/log.ts';
import { outputOf, type RunCommand } from '../../host/command.ts';
import { withFolderLock } from '../../host/folder-lock.ts';
import {
  fabricNamespaceOf,
  hostLinkPattern,
  layoutOf,
  type NetworkLayout,
  nodeNamespaceOf,
  type VirtualNode,
} from './layout.ts';
import { type ObservedLink, type ObservedNetwork, ownNodeNamespaces, planDown, planUp, type Step } from './plan.ts';
import { forget, type NetworkState, readRemembered, readState, rememberOnce, writeState } from './state-file.ts';

export interface VirtualNetworkDeps {
  /** Runs programs in the host's network namespace, as root. */
  run: RunCommand;
  log: Logger;
}

export interface VirtualNetworkOptions {
  cluster: string;
  /** Addresses that must come back; stays when the network goes. */
  stateFile: string;
  /** What the host's ip_forward was before the first cluster. One file for all clusters, gone after a reboot. */
  forwardingFile?: string;
}

export interface NetworkRequest {
  index: number;
  nodes: readonly string[];
  /** Those of them whose link is down. */
  cutOff?: readonly string[];
}

/**
 * The network of a cluster whose nodes are network namespaces of this machine: a bridge in a namespace of its own, a link
 * to the host, one namespace per node. Nothing is kept in memory: every call looks at what is there, so both directions
 * may be run again at any time, also after half of the work.
 */
export class VirtualNetwork {
  readonly #run: RunCommand;
  readonly #log: Logger;
  readonly #cluster: string;
  readonly #stateFile: string;
  readonly #forwardingFile: string;

  constructor({ run, log }: VirtualNetworkDeps, options: VirtualNetworkOptions) {
    this.#run = run;
    this.#log = log;
    this.#cluster = options.cluster;
    this.#stateFile = options.stateFile;
    this.#forwardingFile = options.forwardingFile ?? '/run/knarr/ip-forward';
  }

  /**
   * Makes the network with exactly these nodes; namespaces of other nodes of the cluster are removed. The index counts on
   * the first call only. Nodes are cut off as they were unless told. Rejects with `NetworkInUseError` when another cluster has it.
   */
  async up({ index, nodes, cutOff }: NetworkRequest): Promise<NetworkLayout> {
    const state = (await readState(this.#stateFile)) ?? { format: 1, index, ordinals: {} };
    state.cutOff = [...(cutOff ?? state.cutOff ?? [])];
    const layout = this.#layoutOf(nodes, state);
    const observed = await this.#observe();
    const steps = planUp(this.#cluster, layout, observed);
    await writeState(this.#stateFile, state);
    const wanted = new Set(layout.nodes.map((node) => node.namespace));
    const known = this.#namespacesOf(state.ordinals);
    for (const namespace of ownNodeNamespaces(this.#cluster, known, observed)) {
      if (!wanted.has(namespace)) await this.#take({ do: 'deleteNamespace', namespace });
    }
    await this.#alone(async () => {
      await this.#enableForwarding();
      for (const step of steps) await this.#take(step);
    });
    this.#log.info({ cluster: this.#cluster, nodes: nodes.length, fabric: layout.fabricCIDR }, 'virtual network is up');
    return layout;
  }

  /** Where nodes are, or would be; changes nothing. */
  async layoutOf(request: NetworkRequest): Promise<NetworkLayout> {
    const state = (await readState(this.#stateFile)) ?? { format: 1, index: request.index, ordinals: {} };
    return this.#layoutOf(request.nodes, state);
  }

  #layoutOf(nodes: readonly string[], { index, ordinals, cutOff = [] }: NetworkState): NetworkLayout {
    const placed = assignOrdinals(nodes, ordinals);
    const virtual = placed.map((node) => ({ ...node, isCutOff: cutOff.includes(node.name) }));
    return layoutOf({ name: this.#cluster, index, nodes: virtual });
  }

  /** Removes all of it from the machine; the last cluster to go gives the host its ip_forward back. */
  async down(): Promise<void> {
    const state = await readState(this.#stateFile);
    const names = { fabricNamespace: fabricNamespaceOf(this.#cluster), table: `knarr-${this.#cluster}` };
    const known = this.#namespacesOf(state?.ordinals ?? {});
    const steps = planDown(this.#cluster, names, { observed: await this.#observe(), known });
    for (const step of steps) await this.#take(step);
    await this.#alone(async () => {
      if ((await this.usedIndexes()).length === 0) await this.#restoreForwarding();
    });
    this.#log.info({ cluster: this.#cluster }, 'virtual network is gone');
  }

  /** The indexes of the clusters that are up on this machine, this one included. */
  async usedIndexes(): Promise<number[]> {
    const names = [...(await this.#links('')).keys()];
    return names.flatMap((name) => hostLinkPattern.exec(name)?.[1] ?? []).map(Number);
  }

  #namespacesOf(ordinals: Record<string, number>): string[] {
    return Object.keys(ordinals).map((node) => nodeNamespaceOf(this.#cluster, node));
  }

  async #observe(): Promise<ObservedNetwork> {
    const listed = await this.#json<{ name: string }>(['netns', 'list']);
    const namespaces = new Set(
      listed.map((entry) => entry.name).filter((name) => name.startsWith(`kn-${this.#cluster}-`)),
    );
    const links = new Map<string, ReadonlyMap<string, ObservedLink>>();
    for (const namespace of ['', ...namespaces]) links.set(namespace, await this.#links(namespace));
    return { namespaces, links };
  }

  async #links(namespace: string): Promise<Map<string, ObservedLink>> {
    const at = namespace ? ['-n', namespace] : [];
    const listed = await this.#json<{ ifname: string; ifalias?: string }>([...at, 'link', 'show']);
    return new Map(listed.map(({ ifname, ifalias }) => [ifname, ifalias ? { alias: ifalias } : {}]));
  }

  async #json<T>(args: string[]): Promise<T[]> {
    const text = await outputOf(this.#run, { program: 'ip', args: ['-j', ...args] });
    // Without any namespace `ip` prints nothing at all.
    return text.trim() === '' ? [] : (JSON.parse(text) as T[]);
  }

  async #take(step: Step): Promise<void> {
    switch (step.do) {
      case 'addNamespace':
      case 'deleteNamespace': {
        const verb = step.do === 'addNamespace' ? 'add' : 'del';
        await outputOf(this.#run, { program: 'ip', args: ['netns', verb, step.namespace] });
        return;
      }
      case 'ip': {
        const at = step.namespace ? ['-n', step.namespace] : [];
        await outputOf(this.#run, { program: 'ip', args: [...at, '-batch', '-'], input: `${step.lines.join('\n')}\n` });
        return;
      }
      case 'nft':
        await outputOf(this.#run, { program: 'nft', args: ['-f', '-'], input: step.script });
        return;
      case 'sysctl':
        await outputOf(this.#run, sysctlCommand(step));
    }
  }

  /** While no other cluster comes or goes: it would be the last one that goes, or take what is being given back. */
  async #alone(work: () => Promise<void>): Promise<void> {
    // The file's own folder comes and goes with the file.
    await withFolderLock(dirname(dirname(this.#forwardingFile)), {}, work);
  }

  async #enableForwarding(): Promise<void> {
    const path = '/proc/sys/net/ipv4/ip_forward';
    const before = (await outputOf(this.#run, { program: 'cat', args: [path] })).trim();
    if (before === '1') return;
    await rememberOnce(this.#forwardingFile, before);
    await this.#take({ do: 'sysctl', values: { 'net.ipv4.ip_forward': '1' } });
  }

  async #restoreForwarding(): Promise<void> {
    const before = await readRemembered(this.#forwardingFile);
    if (before === undefined) return;
    await this.#take({ do: 'sysctl', values: { 'net.ipv4.ip_forward': before } });
    // Last, so that an interrupted `down` can be repeated.
    await forget(this.#forwardingFile);
  }
}

/** Writes the keys by a shell in the namespace: the files under /proc/sys/net show the namespace of who opens them. */
function sysctlCommand(step: Extract<Step, { do: 'sysctl' }>) {
  const script = 'while [ $# -gt 0 ]; do if [ -e "$1" ]; then echo "$2" > "$1" || exit 1; fi; shift 2; done';
  const pairs = Object.entries(step.values).flatMap(([key, value]) => [`/proc/sys/${key.replaceAll('.', '/')}`, value]);
  const shell = ['sh', '-c', script, 'sysctl', ...pairs];
  const args = step.namespace ? [`--net=/run/netns/${step.namespace}`, '--', ...shell] : shell.slice(1);
  return { program: step.namespace ? 'nsenter' : 'sh', args };
}

/** Gives nodes their ordinals: those they had, then the lowest free ones. Adds to `ordinals`. */
export function assignOrdinals(nodes: readonly string[], ordinals: Record<string, number>): VirtualNode[] {
  const taken = new Set(Object.values(ordinals));
  let next = 1;
  return nodes.map((name) => {
    while (taken.has(next)) next++;
    const ordinal = Object.hasOwn(ordinals, name) ? (ordinals[name] as number) : next;
    taken.add(ordinal);
    ordinals[name] = ordinal;
    return { name, ordinal };
  });
}
