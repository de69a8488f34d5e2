import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodes as nodesResource } from '../api/generated/resources.ts';
import type { ServingOptions } from '../api/served-versions.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { RunCommand } from '../host/command.ts';
import { readStateFormat, stateFormat } from '../store/lmdb/state-format.ts';
import { type AdminClient, adminClient } from './admin-client.ts';
import type { Build } from './build.ts';
import { changeCluster, type ClusterChange, withCluster } from './cluster-identity.ts';
import { hasDemo, runDemo } from './demo.ts';
import { drain, setUnschedulable } from './drain.ts';
import { checkFormat, NewerFormatError, nodeFormat } from './folder-format.ts';
import { shareImages } from './images/import-image.ts';
import { addContext } from './kubeconfig/cluster-contexts.ts';
import { type ClusterLayout, contextNameOf, nodeDir } from './layout.ts';
import { localNodes, runningRuntimes, runtimePaths, virtualNetwork } from './local-nodes.ts';
import { memberships } from './membership.ts';
import type { NodeLayout } from './network/layout.ts';
import { installPrerequisites, missingPrerequisites, prerequisites } from './prerequisites.ts';
import { registryPrerequisite, registryService } from './registry.ts';
import { hasRegistry, nodeService, nodeServiceName, type Program, serverService } from './services.ts';
import { startNode, startServer } from './start-service.ts';
import { StepFailure } from './step-failure.ts';
import type { Steps } from './steps.ts';
import { type Supervision, supervisionOf } from './supervision.ts';
import type { ServiceStart } from './supervisor.ts';

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
  const { steps, run } = deps;
  if ((await memberships(options.home)).includes(options.cluster)) {
    throw new StepFailure(`this machine is a node of cluster ${options.cluster}`, {
      next: `name another with --cluster, or ./knarr leave --cluster ${options.cluster} first`,
    });
  }
  const missing = await missingPrerequisites(
    options.registry ? [...prerequisites, registryPrerequisite] : prerequisites,
  );
  const what = missing.map((p) => p.debianPackage).join(' ');
  const title = what ? `prerequisites: installing ${what}` : 'prerequisites: all there';
  await steps.run(title, () => installPrerequisites(missing, { run }));
  const onWait = () => steps.note(`another command is at work on cluster ${options.cluster}: waiting for it`);
  return withCluster({ home: options.home, name: options.cluster, onWait }, async (layout) => {
    const { advertise, serving } = options;
    const change: ClusterChange = {
      ...(advertise ? { advertise } : {}),
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
  const isNew = !existsSync(join(layout.stateDir, 'data.mdb'));
  const supervision = await supervisionOf(deps, layout);
  if (options.registry) await mkdir(layout.registryDir, { recursive: true, mode: 0o700 });
  const server = serverService(layout, program);
  if (!(await supervision.isCurrent(server))) await refuseNewerState(layout, names);
  // From now on the cluster has these nodes, whatever happens to this command.
  for (const name of names) await mkdir(nodeDir(layout, name), { recursive: true });
  const network = await steps.run('network', () =>
    virtualNetwork(deps, layout).up({ index: layout.index, nodes: names, cutOff: [] }),
  );
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

/** The nodes that are there, and as many more as are wanted: node1, node2 and so on, where there are none of these names. */
export function atLeast(count: number, present: readonly string[]): string[] {
  const names = [...present];
  for (let i = 1; names.length < count; i++) if (!names.includes(`node${i}`)) names.push(`node${i}`);
  return names;
}

interface StartPlace {
  layout: ClusterLayout;
  supervision: Supervision;
  admin: AdminClient;
  program: Program;
  drain?: boolean;
}

/** What does not run is started at once; what runs as another build is replaced one after the other. */
export async function startNodes(
  deps: UpDeps,
  { layout, supervision, admin, program, drain: isDrained = false }: StartPlace,
  places: readonly NodeLayout[],
): Promise<ServiceStart[]> {
  const start = async (place: NodeLayout) => {
    const service = await nodeService(layout, program, place);
    const work = () => startNode(deps, admin, { layout, supervision, service });
    return deps.steps.run(`node ${place.name} ${place.address}`, work, startText(program.build));
  };
  const replace = async (place: NodeLayout) => {
    const isCurrent = await supervision.isCurrent(await nodeService(layout, program, place));
    return isCurrent || !isDrained ? start(place) : withoutPods(deps, admin, place, () => start(place));
  };
  const running: NodeLayout[] = [];
  const stopped: NodeLayout[] = [];
  for (const place of places) {
    const { running: isRunning } = await supervision.status(nodeServiceName(place.name));
    (isRunning ? running : stopped).push(place);
  }
  const isNew = ({ name }: NodeLayout) => !existsSync(runtimePaths(layout, name).root);
  const added = stopped.filter(isNew).map(({ name }) => name);
  const starts = await Promise.all(stopped.map(start));
  for (const place of running) starts.push(await replace(place));
  await giveImages(deps, { layout, supervision }, added);
  return starts;
}

/** Moves a node's pods to others while `work` is done; a node that was kept from new pods before still is afterwards. */
async function withoutPods<T>(
  { clock, steps }: UpDeps,
  { client }: AdminClient,
  { name }: NodeLayout,
  work: () => Promise<T>,
): Promise<T> {
  const { spec } = await client.get(nodesResource, { name });
  await steps.run(
    `node ${name}: drained`,
    () => drain({ clock, client }, name),
    (count) => `${count} pods evicted`,
  );
  const result = await work();
  if (!spec.unschedulable) await setUnschedulable(client, name, false);
  return result;
}

/** New nodes have the images that the others have, whoever loaded or pulled them. */
async function giveImages(
  deps: UpDeps,
  { layout, supervision }: Pick<StartPlace, 'layout' | 'supervision'>,
  added: readonly string[],
): Promise<void> {
  const [from] = (await runningRuntimes(supervision, layout)).filter(({ node }) => !added.includes(node));
  if (!from) return;
  for (const node of added) {
    await deps.steps.run(
      `node ${node}: images of ${from.node}`,
      () => shareImages(deps, { from: from.socketPath, to: runtimePaths(layout, node).socket }),
      (images) => String(images.length),
    );
  }
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

const startText =
  (now: Build) =>
  (start: ServiceStart): string => {
    if (start.was === 'running') return 'runs already';
    if (start.was === 'stopped') return 'started';
    const { build: before } = start;
    return before && before.version !== now.version ? `${before.version} replaced by ${now.version}` : 'replaced';
  };

/** What an older knarr cannot read it must not stop either: throws `NewerFormatError` before anything is touched. */
async function refuseNewerState(layout: ClusterLayout, names: readonly string[]): Promise<void> {
  const format = readStateFormat(layout.stateDir);
  if (format > stateFormat) {
    throw new NewerFormatError(`the state of cluster ${layout.name}`, { format, known: stateFormat });
  }
  for (const name of names) await checkFormat(nodeDir(layout, name), nodeFormat);
}
