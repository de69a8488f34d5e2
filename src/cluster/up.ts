import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodes as nodesResource } from '../api/generated/resources.ts';
import type { Node } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { RunCommand } from '../host/command.ts';
import { readStateFormat, stateFormat } from '../store/lmdb/state-format.ts';
import { type AdminClient, adminClient, eventually } from './admin-client.ts';
import type { Build } from './build.ts';
import { withCluster } from './cluster-identity.ts';
import { hasDemo, runDemo } from './demo.ts';
import { checkFormat, NewerFormatError, nodeFormat } from './folder-format.ts';
import { addContext } from './kubeconfig/cluster-contexts.ts';
import { type ClusterLayout, contextNameOf, nodeDir } from './layout.ts';
import { localNodes } from './local-nodes.ts';
import { VirtualNetwork } from './network/virtual-network.ts';
import { portOwner } from './port-owner.ts';
import { installPrerequisites, missingPrerequisites } from './prerequisites.ts';
import { nodeService, type Program, serverService, serverServiceName } from './services.ts';
import { failureWithLog, StepFailure } from './step-failure.ts';
import type { Steps } from './steps.ts';
import { type Supervision, supervisionOf } from './supervision.ts';
import type { Service, ServiceStart } from './supervisor.ts';

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
  /** Absent: the demo is run in a new cluster, and looked at again where it is still there. */
  demo: boolean | undefined;
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
  const missing = await missingPrerequisites();
  const what = missing.map((p) => p.debianPackage).join(' ');
  const title = what ? `prerequisites: installing ${what}` : 'prerequisites: all there';
  await steps.run(title, () => installPrerequisites(missing, { run }));
  const onWait = () => steps.note(`another command is at work on cluster ${options.cluster}: waiting for it`);
  return withCluster({ home: options.home, name: options.cluster, onWait }, (layout) => {
    return bringUp(deps, layout, options);
  });
}

async function bringUp(deps: UpDeps, layout: ClusterLayout, options: UpOptions): Promise<UpResult> {
  const { steps } = deps;
  const { program } = options;
  const present = await localNodes(layout);
  const names = present.length > 0 ? present : ['node1'];
  const isNew = !existsSync(join(layout.stateDir, 'data.mdb'));
  const supervision = await supervisionOf(deps, layout);
  const server = serverService(layout, program);
  if (!(await supervision.isCurrent(server))) await refuseNewerState(layout, names);
  const network = await steps.run('network', () =>
    virtualNetwork(deps, layout).up({ index: layout.index, nodes: names }),
  );
  const starts: ServiceStart[] = [];
  const wasStarted = (start: ServiceStart) => startText(start, program.build);
  starts.push(
    await steps.run(
      `server ${layout.apiUrl}`,
      () => startServer(deps, { layout, supervision, service: server }),
      wasStarted,
    ),
  );
  const admin = await adminClient(layout, deps);
  try {
    for (const place of network.nodes) {
      const start = async () =>
        startNode(deps, admin, { layout, supervision, service: await nodeService(layout, program, place) });
      starts.push(await steps.run(`node ${place.name} ${place.address}`, start, wasStarted));
    }
    const context = await addUserContext(deps, layout, options.userKubeconfig);
    const wantsDemo = options.demo ?? (isNew || (await hasDemo(admin.client)));
    const demo = wantsDemo ? await runDemo(deps, { layout, admin, root: program.root }) : undefined;
    const was = (['replaced', 'stopped'] as const).find((state) => starts.some((start) => start.was === state));
    const nodes = network.nodes.map(({ name, address }) => ({ name, address }));
    return { layout, was: was ?? 'running', nodes, demo, context };
  } finally {
    admin.close();
  }
}

export const virtualNetwork = ({ run, log }: Pick<UpDeps, 'run' | 'log'>, layout: ClusterLayout): VirtualNetwork =>
  new VirtualNetwork({ run, log }, { cluster: layout.name, stateFile: layout.networkFile });

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

function startText(start: ServiceStart, now: Build): string {
  if (start.was === 'running') return 'runs already';
  if (start.was === 'stopped') return 'started';
  const { build: before } = start;
  return before && before.version !== now.version ? `${before.version} replaced by ${now.version}` : 'replaced';
}

/** What an older knarr cannot read it must not stop either: throws `NewerFormatError` before anything is touched. */
async function refuseNewerState(layout: ClusterLayout, names: readonly string[]): Promise<void> {
  const format = readStateFormat(layout.stateDir);
  if (format > stateFormat) {
    throw new NewerFormatError(`the state of cluster ${layout.name}`, { format, known: stateFormat });
  }
  for (const name of names) await checkFormat(nodeDir(layout, name), nodeFormat);
}

const commandFor = (verb: string, { name }: ClusterLayout): string => `./knarr ${verb} --cluster ${name}`;

interface Supervised {
  layout: ClusterLayout;
  supervision: Supervision;
  service: Service;
}

async function startServer(deps: UpDeps, at: Supervised): Promise<ServiceStart> {
  const { layout, supervision, service } = at;
  await refuseTakenPort(layout, supervision);
  const start = await supervision.start(service);
  await untilAnswers(deps, { ...at, what: 'the API server', timeoutMs: 180_000 }, async () => {
    await stat(layout.kubeconfig);
    const admin = await adminClient(layout, deps);
    try {
      const answer = await admin.transport.raw('GET', '/readyz');
      answer.stream.resume();
      return answer.status === 200;
    } finally {
      admin.close();
    }
  });
  return start;
}

/** A server of ours may have the port; anybody else is named instead of waited for. */
async function refuseTakenPort(layout: ClusterLayout, supervision: Supervision): Promise<void> {
  if ((await supervision.status(serverServiceName)).running) return;
  const owner = await portOwner(layout.apiPort);
  if (owner === undefined) return;
  throw new StepFailure(`port ${layout.apiPort} is in use by ${owner}`, {
    next: `end that program, then run ${commandFor('up', layout)} again`,
  });
}

async function startNode(deps: UpDeps, admin: AdminClient, at: Supervised): Promise<ServiceStart> {
  const { supervision, service } = at;
  const name = service.name.slice('node-'.length);
  const beganMs = deps.clock.now();
  const start = await supervision.start(service);
  const sinceMs = start.was === 'running' ? 0 : beganMs;
  await untilAnswers(deps, { ...at, what: `node ${name} to be Ready`, timeoutMs: 240_000 }, async () => {
    return isReadySince(await admin.client.get(nodesResource, { name }), sinceMs);
  });
  return start;
}

/** What the agent of before has said of a node that it was ready does not count. */
export function isReadySince({ status }: Node, sinceMs: number): boolean {
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  // The API's times are whole seconds.
  const saidMs = Date.parse(ready?.lastHeartbeatTime ?? '') + 999;
  return ready?.status === 'True' && saidMs >= sinceMs;
}

/** So many ends in a row are no accident. */
const maxEnds = 3;

interface Wait extends Supervised {
  what: string;
  timeoutMs: number;
}

/** Waits for a service; fails early when its program ends again and again, and says where the reason is to be found. */
async function untilAnswers(
  { clock }: UpDeps,
  { layout, supervision, service, what, timeoutMs }: Wait,
  answers: () => Promise<boolean>,
): Promise<void> {
  const next = `${commandFor('status', layout)} shows what runs; ${commandFor('down', layout)} and ${commandFor('up', layout)} start it again, with all its state`;
  const failure = async (error: unknown) => {
    const log = { name: supervision.logOf(service.name), text: await supervision.readLog(service.name) };
    return failureWithLog(error, log, next);
  };
  let pid: number | undefined;
  let ends = 0;
  const attempt = async () => {
    const now = (await supervision.status(service.name)).pid ?? pid;
    if (pid !== undefined && now !== pid) ends += 1;
    pid = now;
    if (ends >= maxEnds) throw await failure(new Error(`${service.name} ends at its start`));
    return (await answers()) || undefined;
  };
  await eventually(clock, { what, timeoutMs }, attempt).catch(async (error: unknown) => {
    throw await failure(error);
  });
}
