import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodes } from '../api/generated/resources.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { RunCommand } from '../host/command.ts';
import { caHash } from '../pki/certificate.ts';
import { type AdminClient, adminClient, eventually } from './admin-client.ts';
import { ensureCluster } from './cluster-identity.ts';
import { runDemo } from './demo.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';
import { localNodes } from './local-nodes.ts';
import type { NetworkLayout } from './network/layout.ts';
import { VirtualNetwork } from './network/virtual-network.ts';
import { installPrerequisites, missingPrerequisites } from './prerequisites.ts';
import type { Steps } from './steps.ts';
import { startService } from './supervisor.ts';

export interface UpDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
  run: RunCommand;
  steps: Steps;
}

export interface UpOptions {
  home: string;
  cluster: string;
  /** The program itself: `node dist/knarr.js`. */
  program: string[];
  root: string;
  demo: boolean;
}

/** Makes the cluster run; what runs already is left alone, what is missing is started. */
export async function up(deps: UpDeps, options: UpOptions): Promise<ClusterLayout> {
  const { steps, run } = deps;
  const missing = await missingPrerequisites();
  const what = missing.map((p) => p.debianPackage).join(' ') || 'all there';
  await steps.run(`prerequisites: ${what}`, () => installPrerequisites(missing, run));
  const layout = await ensureCluster(options.home, options.cluster);
  const present = await localNodes(layout);
  const names = present.length > 0 ? present : ['node1'];
  const network = await steps.run('network', () =>
    virtualNetwork(deps, layout).up({ index: layout.index, nodes: names }),
  );
  await steps.run(
    'server',
    () => startControlPlane(deps, layout, options),
    (at) => at,
  );
  const admin = await adminClient(layout, deps);
  try {
    for (const name of names)
      await steps.run(`node ${name}`, () => startNode(deps, { layout, network, name, options, admin }));
    if (options.demo) await runDemo(deps, { layout, admin, root: options.root });
  } finally {
    admin.close();
  }
  return layout;
}

export const virtualNetwork = ({ run, log }: Pick<UpDeps, 'run' | 'log'>, layout: ClusterLayout): VirtualNetwork =>
  new VirtualNetwork({ run, log }, { cluster: layout.name, stateFile: layout.networkFile });

async function startControlPlane(deps: UpDeps, layout: ClusterLayout, options: UpOptions): Promise<string> {
  const { clock } = deps;
  const command = [...options.program, 'server', '--cluster', layout.name];
  await startService(layout, { name: 'server', command, env: serviceEnv(options) }, clock);
  await eventually(
    clock,
    { what: `the API server (log: ${layout.logDir}/server.log)`, timeoutMs: 60_000 },
    async () => {
      await stat(layout.kubeconfig);
      const admin = await adminClient(layout, deps);
      try {
        const answer = await admin.transport.raw('GET', '/readyz');
        return answer.status === 200 ? true : undefined;
      } finally {
        admin.close();
      }
    },
  );
  return layout.apiUrl;
}

/** The environment of our services: only what they read. */
const serviceEnv = (options: UpOptions): Record<string, string> => ({
  KNARR_HOME: options.home,
  KNARR_ROOT: options.root,
});

interface NodeStart {
  layout: ClusterLayout;
  network: NetworkLayout;
  name: string;
  options: UpOptions;
  admin: AdminClient;
}

async function startNode(deps: UpDeps, { layout, network, name, options, admin }: NodeStart): Promise<void> {
  const place = network.nodes.find((node) => node.name === name);
  if (!place) throw new Error(`the network has no place for node ${name}`);
  const hash = caHash(await readFile(join(layout.pkiDir, 'ca.crt'), 'utf8'));
  const command = [
    'nsenter',
    `--net=${place.namespacePath}`,
    ...options.program,
    'node',
    ...['--cluster', layout.name, '--server', layout.apiUrl, '--token-file', layout.tokenFile, '--ca-hash', hash],
    ...['--name', name, '--dir', nodeDir(layout, name), '--address', place.address],
    ...['--image-cache', layout.imageCacheDir],
  ];
  await startService(layout, { name: `node-${name}`, command, env: serviceEnv(options) }, deps.clock);
  const what = `node ${name} to be Ready (log: ${layout.logDir}/node-${name}.log)`;
  await eventually(deps.clock, { what, timeoutMs: 120_000 }, async () => {
    const node = await admin.client.get(nodes, { name });
    return node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') || undefined;
  });
}
