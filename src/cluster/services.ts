import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServingOptions } from '../api/served-versions.ts';
import { caHash } from '../pki/certificate.ts';
import type { Build } from './build.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';
import type { NodeLayout } from './network/layout.ts';
import type { Service } from './supervisor.ts';

/** What the services of a cluster run, and as which build. */
export interface Program {
  /** `node dist/knarr.js`. */
  command: string[];
  build: Build;
  /** Folder of the checkout or package. */
  root: string;
}

/** The program with a flag of V8, which Node takes before the script, and what the program itself is told. */
function commandOf({ command }: Program, flag: string, args: readonly string[]): string[] {
  const [node = 'node', ...script] = command;
  return [node, flag, ...script, ...args];
}

export const serverServiceName = 'server';
export const registryServiceName = 'registry';
export const etcdServiceName = 'etcd';
export const nodeServiceName = (node: string): string => `node-${node}`;

/** A cluster that has had a registry has it until it is purged. */
export const hasRegistry = ({ registryDir }: ClusterLayout): boolean => existsSync(registryDir);

/** What runs of a cluster besides the nodes of this machine, in the order in which it starts. */
export const controlPlaneServices = (layout: ClusterLayout): string[] => [
  ...(layout.etcd ? [etcdServiceName] : []),
  serverServiceName,
  ...(hasRegistry(layout) ? [registryServiceName] : []),
];

/**
 * What is garbage in a server's heap is collected when it is two fifths of what is not: V8 would let it grow to as much again,
 * in a process that mostly holds what stays.
 */
const tightHeap = '--heap-growing-percent=40';

/** `knarr server`, as it is supervised; `members`: URLs of the members of etcd on other machines. */
export function serverService(layout: ClusterLayout, program: Program, members: readonly string[] = []): Service {
  const advertise = layout.advertise ? ['--advertise', layout.advertise] : [];
  const registry = hasRegistry(layout) ? ['--registry'] : [];
  const flags = [...advertise, ...registry, ...etcdFlags(layout, members), ...servingFlags(layout.serving)];
  const command = commandOf(program, tightHeap, ['server', '--cluster', layout.name, ...flags]);
  return { name: serverServiceName, command, build: program.build, env: serviceEnvironment(layout, program) };
}

/** The member of this machine comes first: it is the one that is asked while it answers. */
function etcdFlags({ etcd, pkiDir }: ClusterLayout, members: readonly string[]): string[] {
  if (!etcd) return [];
  const [ca, cert, key] = ['etcd-ca.crt', 'etcd.crt', 'etcd.key'].map((file) => join(pkiDir, file)) as [
    string,
    string,
    string,
  ];
  const urls = [etcd.localUrl, ...members].join(',');
  return ['--etcd', urls, '--etcd-ca', ca, '--etcd-cert', cert, '--etcd-key', key];
}

function servingFlags({ runtimeConfig = {}, removed }: ServingOptions = {}): string[] {
  const switches = Object.entries(runtimeConfig).map(([name, isOn]) => `${name}=${isOn}`);
  return [
    ...(switches.length > 0 ? ['--runtime-config', switches.join(',')] : []),
    ...(removed ? ['--serve-removed'] : []),
  ];
}

/**
 * An agent makes little garbage, but a burst of pods would leave it 30 MB larger for good: V8 never gives back what its young
 * generation has grown to (MB).
 */
const smallYoungGeneration = '--max-semi-space-size=1';

/** What an agent is told. */
export interface AgentPlace {
  cluster: string;
  name: string;
  dir: string;
  server: string;
  tokenFile: string;
  caHash: string;
  address: string;
  imageCache?: string;
}

/** `knarr agent`, as it is supervised; `enter` runs the rest of its arguments where the node is. */
export function agentService(
  place: AgentPlace,
  { program, home, enter = [] }: { program: Program; home: string; enter?: string[] },
): Service {
  const { cluster, name, dir, server, tokenFile, caHash: hash, address, imageCache } = place;
  const args = [
    ...['agent', '--cluster', cluster, '--server', server, '--token-file', tokenFile, '--ca-hash', hash],
    ...['--name', name, '--dir', dir, '--address', address, ...(imageCache ? ['--image-cache', imageCache] : [])],
  ];
  const command = [...enter, ...commandOf(program, smallYoungGeneration, args)];
  return { name: nodeServiceName(name), command, build: program.build, env: serviceEnvironment({ home }, program) };
}

/** The agent in the network namespace of a node of this machine. The cluster's CA must be there. */
export async function nodeService(layout: ClusterLayout, program: Program, place: NodeLayout): Promise<Service> {
  const { name, address, namespacePath } = place;
  const enter = ['nsenter', `--net=${namespacePath}`];
  const { tokenFile, imageCacheDir: imageCache, home, apiUrl: server } = layout;
  const told = { cluster: layout.name, name, dir: nodeDir(layout, name), server, tokenFile, address, imageCache };
  return agentService({ ...told, caHash: await clusterCaHash(layout) }, { program, home, enter });
}

/** By which a machine that joins knows the cluster's CA. */
export const clusterCaHash = async (layout: ClusterLayout): Promise<string> =>
  caHash(await readFile(join(layout.pkiDir, 'ca.crt'), 'utf8'));

/**
 * glibc keeps freed memory for each of its threads' arenas, and more of it after every large buffer (mallopt(3)): 15 MB of an
 * idle agent. With fixed thresholds (bytes) and two arenas it goes back to the machine.
 */
const thriftyMalloc = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

/** The environment of our services: what they read, and what keeps them small. */
export const serviceEnvironment = ({ home }: { home: string }, program: Program): Record<string, string> => ({
  KNARR_HOME: home,
  KNARR_ROOT: program.root,
  ...thriftyMalloc,
});
