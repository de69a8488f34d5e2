import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServingOptions } from '../api/served-versions.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { RunCommand } from '../host/command.ts';
import { readStateFormat, stateFormat } from '../store/lmdb/state-format.ts';
import { adminClient } from './admin-client.ts';
import { changeCluster, type ClusterChange, withCluster } from './cluster-identity.ts';
import { hasDemo, runDemo } from './demo.ts';
import { checkFormat, NewerFormatError, nodeFormat } from './folder-format.ts';
import { addContext } from './kubeconfig/cluster-contexts.ts';
import { type ClusterLayout, contextNameOf, nodeDir } from './layout.ts';
import { localNodes, virtualNetwork } from './local-nodes.ts';
import { memberships } from './membership.ts';
import { etcdPrerequisites, hasEtcd, isConfigured } from './etcd/etcd-service.ts';
import { startEtcd } from './etcd/start-etcd.ts';
import { ensurePrerequisites, prerequisites } from './prerequisites.ts';
import { registryPrerequisite, registryService } from './registry.ts';
import { hasRegistry, type Program, serverService } from './services.ts';
import { startNodes, startText } from './start-nodes.ts';
import { startServer } from './start-service.ts';
import { StepFailure } from './step-failure.ts';
import type { Steps } from './steps.ts';
import { supervisionOf } from './supervision.ts';

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
  program: Program;
  /** At least so many nodes; those that there are stay. */
  nodes?: number;
  /** From now on the cluster has a registry that takes pushes. */
  registry?: boolean;
  /** From now on other machines reach the server by this address of this machine. */
  advertise?: string;
  /** The state of a new cluster is in an etcd, so that servers on other machines can join. Needs `advertise`. */
  etcd?: boolean;
  /** Before a node's agent is replaced its pods are moved to the others. */
  drain?: boolean;
  /** Absent: the demo is run in a new cluster, and looked at again where it is still there. */
  demo?: boolean | undefined;
  /** What it serves from now on; absent: as before. */
  serving?: ServingOptions | undefined;
  /** Gets a context of the cluster. */
  userKubeconfig: string | undefined;
}

export interface UpResult {
  layout: ClusterLayout;
  /** What became of server and nodes; `running`: nothing had to be done. */
  was: 'running' | 'stopped' | 'replaced';
  nodes: { name: string; address: string }[];
  /** The address of the demo's service. */
  demo?: string;
  /** The name of the context in the user's kubeconfig. */
  context?: string;
}

/** Makes the cluster run; what runs already is left alone, what is missing is started, another build is replaced. */
export async function up(deps: UpDeps, options: UpOptions): Promise<UpResult> {
  const { steps } = deps;
  if ((await memberships(options.home)).includes(options.cluster)) {
    throw new StepFailure(`this machine is a node of cluster ${options.cluster}`, {
      next: `name another with --cluster, or ./knarr leave --cluster ${options.cluster} first`,
    });
  }
  await ensurePrerequisites(deps, [
    ...prerequisites,
    ...(options.registry ? [registryPrerequisite] : []),
    ...(options.etcd ? etcdPrerequisites : []),
  ]);
  const onWait = () => steps.note(`another command is at work on cluster ${options.cluster}: waiting for it`);
  return withCluster({ home: options.home, name: options.cluster, onWait }, async (layout) => {
    const { advertise, serving, etcd } = options;
    refuseEtcdChange(layout, options);
    const change: ClusterChange = {
      ...(advertise ? { advertise } : {}),
      ...(etcd ? { hasEtcd: true } : {}),
      ...(serving ? { serving: { ...layout.serving, ...serving } } : {}),
    };
    const changes = Object.keys(change).length > 0;
    return bringUp(deps, changes ? await changeCluster(layout, change) : layout, options);
  });
}

async function bringUp(deps: UpDeps, layout: ClusterLayout, options: UpOptions): Promise<UpResult> {
  const { steps } = deps;
  const { program } = options;
  const names = atLeast(options.nodes ?? 1, await localNodes(layout));
  const isNew = !hasState(layout);
  const supervision = await supervisionOf(deps, layout);
  if (options.registry) await mkdir(layout.registryDir, { recursive: true, mode: 0o700 });
  await refuseNewerState(layout, names);
  // From now on the cluster has these nodes, whatever happens to this command.
  for (const name of names) await mkdir(nodeDir(layout, name), { recursive: true });
  const network = await steps.run('network', () =>
    virtualNetwork(deps, layout).up({ index: layout.index, nodes: names, cutOff: [] }),
  );
  const members = hasEtcd(layout) ? await startEtcd(deps, { layout, supervision }) : [];
  const server = serverService(layout, program, members);
  const start = await steps.run(
    `server ${layout.apiUrl}`,
    () => startServer(deps, { layout, supervision, service: server }),
    startText(program.build),
  );
  if (hasRegistry(layout)) {
    const { port } = layout.registry;
    const work = async () => supervision.start(await registryService(layout, program));
    await steps.run(`registry localhost:${port}`, work, startText(program.build));
  }
  const admin = await adminClient(layout, deps);
  try {
    const place = { layout, supervision, admin, program, drain: options.drain === true && names.length > 1 };
    const started = await startNodes(deps, place, network.nodes);
    const context = await addUserContext(deps, layout, options.userKubeconfig);
    const wantsDemo = options.demo ?? (isNew || (await hasDemo(admin.client)));
    const demo = wantsDemo ? await runDemo(deps, { layout, admin, root: program.root }) : undefined;
    const was = (['replaced', 'stopped'] as const).find((state) => [start, ...started].some((s) => s.was === state));
    const nodes = network.nodes.map(({ name, address }) => ({ name, address }));
    return { layout, was: was ?? 'running', nodes, demo, context };
  } finally {
    admin.close();
  }
}

const hasState = (layout: ClusterLayout): boolean =>
  hasEtcd(layout) ? isConfigured(layout) : existsSync(join(layout.stateDir, 'data.mdb'));

/** Where the state is, and by which address the members of etcd know each other, is settled when a cluster is made. */
function refuseEtcdChange(layout: ClusterLayout, { etcd, advertise }: UpOptions): void {
  const { name } = layout;
  if (layout.hasEtcd && advertise && advertise !== layout.advertise) {
    throw new StepFailure(`other servers know this machine as ${layout.advertise}`, {
      next: `give the machine that address, or make a new cluster`,
    });
  }
  if (!etcd || layout.hasEtcd) return;
  if (hasState(layout)) {
    throw new StepFailure(`cluster ${name} keeps its state without etcd, and that is settled when a cluster is made`, {
      next: `make one of another name: ./knarr up --cluster NAME --etcd --advertise ADDRESS`,
    });
  }
  if (!advertise && !layout.advertise) {
    throw new StepFailure('servers of other machines have to reach this one', {
      next: `./knarr up --cluster ${name} --etcd --advertise ADDRESS, an address of this machine`,
    });
  }
}

/** The nodes that are there, and as many more as are wanted: node1, node2 and so on, where there are none of these names. */
export function atLeast(count: number, present: readonly string[]): string[] {
  const names = [...present];
  for (let i = 1; names.length < count; i++) if (!names.includes(`node${i}`)) names.push(`node${i}`);
  return names;
}

/** A kubeconfig that cannot be changed is no reason for a cluster not to be: it is told. */
async function addUserContext(
  { steps, clock }: UpDeps,
  layout: ClusterLayout,
  path: string | undefined,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const context = contextNameOf(layout.name);
  try {
    await steps.run(`kubeconfig: context ${context} in ${path}`, () => addContext(layout, path, { clock }));
    return context;
  } catch (error) {
    steps.note(`${path} is left as it was: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

/** What an older knarr cannot read it must not stop either: throws `NewerFormatError` before anything is touched. */
async function refuseNewerState(layout: ClusterLayout, names: readonly string[]): Promise<void> {
  const format = readStateFormat(layout.stateDir);
  if (format > stateFormat) {
    throw new NewerFormatError(`the state of cluster ${layout.name}`, { format, known: stateFormat });
  }
  for (const name of names) await checkFormat(nodeDir(layout, name), nodeFormat);
}
