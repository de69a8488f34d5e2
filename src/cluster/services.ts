import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
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

export const serverServiceName = 'server';
export const nodeServiceName = (node: string): string => `node-${node}`;

/** `knarr server`, as it is supervised. */
export function serverService(layout: ClusterLayout, program: Program): Service {
  const command = [...program.command, 'server', '--cluster', layout.name];
  return { name: serverServiceName, command, build: program.build, env: serviceEnvironment(layout, program) };
}

/**
 * An agent makes little garbage, but a burst of pods would leave it 30 MB larger for good: V8 never gives back what its young
 * generation has grown to (MB).
 */
const smallYoungGeneration = '--max-semi-space-size=1';

/** `knarr agent` in the node's network namespace, as it is supervised. The cluster's CA must be there. */
export async function nodeService(layout: ClusterLayout, program: Program, place: NodeLayout): Promise<Service> {
  const hash = caHash(await readFile(join(layout.pkiDir, 'ca.crt'), 'utf8'));
  const { name, address, namespacePath } = place;
  const [node = 'node', ...script] = program.command;
  const command = [
    ...['nsenter', `--net=${namespacePath}`],
    ...[node, smallYoungGeneration, ...script, 'agent'],
    ...['--cluster', layout.name, '--server', layout.apiUrl, '--token-file', layout.tokenFile, '--ca-hash', hash],
    ...['--name', name, '--dir', nodeDir(layout, name), '--address', address, '--image-cache', layout.imageCacheDir],
  ];
  return { name: nodeServiceName(name), command, build: program.build, env: serviceEnvironment(layout, program) };
}

/** The environment of our services: only what they read. */
export const serviceEnvironment = (layout: ClusterLayout, program: Program): Record<string, string> => ({
  KNARR_HOME: layout.home,
  KNARR_ROOT: program.root,
});
