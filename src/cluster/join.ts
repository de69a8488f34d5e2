import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodes as nodesResource } from '../api/generated/resources.ts';
import type { Node } from '../api/generated/types.ts';
import { HttpsTransport } from '../client/https.ts';
import { createClient } from '../client/typed-client.ts';
import { purgeContainerd } from '../cri/containerd-process.ts';
import { unmountBelow } from '../cri/mounts.ts';
import { outputOf } from '../host/command.ts';
import { writePublic, writeSecret } from '../pki/files.ts';
import { readNodeCertificate } from '../pki/node-certificate.ts';
import { findCluster } from './cluster-identity.ts';
import { checkFormat, nodeFormat } from './folder-format.ts';
import { etcdPrerequisites } from './etcd/etcd-service.ts';
import { joinServers, leaveServers } from './join-servers.ts';
import {
  memberLayout,
  type MemberLayout,
  memberRuntime,
  type Membership,
  memberships,
  readMembership,
} from './membership.ts';
import { nodeTablesOf, tunnelDeviceOf } from './node/node-network.ts';
import { ensurePrerequisites, prerequisites } from './prerequisites.ts';
import { agentService, nodeServiceName, type Program } from './services.ts';
import { isReadySince, startMs, untilAnswers } from './start-service.ts';
import { StepFailure } from './step-failure.ts';
import { supervisionOf } from './supervision.ts';
import type { ServiceStart } from './supervisor.ts';
import type { UpDeps } from './up.ts';

export interface JoinOptions {
  home: string;
  /** What the cluster is called on this machine: everything that is made carries it. */
  cluster: string;
  program: Program;
  /** Needed the first time. */
  server?: string;
  token?: string;
  caHash?: string;
  /** Of the node. */
  name: string;
  /** The address by which this machine reaches the server, unless told. */
  address?: string;
  /** It becomes a server, too; needs the key that came with the token. A machine that is one stays one. */
  asServer?: boolean;
  key?: string;
}

/** Makes this machine a node, in the network namespace that it is called in; again, it starts the node that it is. */
export async function joinCluster(deps: UpDeps, options: JoinOptions): Promise<ServiceStart & Membership> {
  const { steps } = deps;
  const layout = memberLayout(options.home, options.cluster);
  await refuseOthers(options);
  await checkFormat(layout.nodeDir, nodeFormat);
  await ensurePrerequisites(deps, options.asServer ? [...prerequisites, ...etcdPrerequisites] : prerequisites);
  const member = await ensureMembership(deps, layout, options);
  const supervision = await supervisionOf(deps, layout);
  const { home, program } = options;
  const own = await ownServer(deps, options, member);
  const told = { cluster: layout.name, name: member.node, dir: layout.nodeDir, tokenFile: layout.tokenFile };
  const service = agentService({ ...told, ...member, server: own ?? member.server }, { program, home });
  const start = await steps.run(`node ${member.node} ${member.address} of ${member.server}`, async () => {
    const beganMs = deps.clock.now();
    const started = await supervision.start(service);
    const sinceMs = started.was === 'running' ? 0 : beganMs;
    const again = `./knarr join --cluster ${layout.name} tries again`;
    const next = `${again}; ./knarr leave --cluster ${layout.name} undoes it`;
    const what = `node ${member.node} to be Ready`;
    await untilAnswers(deps, { supervision, service, next, what, timeoutMs: startMs }, async () =>
      isReadySince(await ownNode(deps, layout, member), sinceMs),
    );
    return started;
  });
  return { ...start, ...member };
}

/** The URL of the server that this machine is, if it is one; it is started when it does not run. */
async function ownServer(deps: UpDeps, options: JoinOptions, member: Membership): Promise<string | undefined> {
  const { home, cluster, program, token, key } = options;
  if (!options.asServer && !(await findCluster(home, cluster))) return undefined;
  const { server, caHash, address } = member;
  return (await joinServers(deps, { home, cluster, program, address, server, caHash, token, key })).advertisedUrl;
}

/** A kubelet's port, routes and DNS are there once in a network namespace. */
async function refuseOthers({ home, cluster }: JoinOptions): Promise<void> {
  const present = await findCluster(home, cluster);
  if (present && !present.joined) {
    throw new StepFailure(`this machine has a cluster ${cluster} of its own`, {
      next: 'join with --cluster and another name',
    });
  }
  const other = (await memberships(home)).find((name) => name !== cluster);
  if (other) {
    throw new StepFailure(`this machine is a node of a cluster already, ${other}`, {
      next: `./knarr leave --cluster ${other} ends that`,
    });
  }
}

async function ensureMembership(deps: UpDeps, layout: MemberLayout, options: JoinOptions): Promise<Membership> {
  const known = await readMembership(layout);
  if (options.token) {
    await mkdir(layout.dir, { recursive: true, mode: 0o700 });
    await writeSecret(layout.tokenFile, `${options.token}\n`);
  }
  const server = options.server ?? known?.server;
  const caHash = options.caHash ?? known?.caHash;
  if (!server || !caHash || (!known && !options.token)) {
    throw new StepFailure('this machine has not joined a cluster yet', {
      next: "./knarr token create, on the server's machine, prints the command that does it",
    });
  }
  const address = options.address ?? known?.address ?? (await addressTowards(deps, server));
  const member: Membership = { format: 1, server, caHash, node: known?.node ?? options.name, address };
  await writePublic(layout.file, `${JSON.stringify(member, undefined, 2)}\n`);
  return member;
}

/** Which of its addresses this machine would use to speak to the server. */
async function addressTowards({ run }: UpDeps, server: string): Promise<string> {
  const { hostname } = new URL(server);
  const found = await run({ program: 'getent', args: ['ahostsv4', hostname] });
  const target = found.stdout.split(/\s/)[0] || hostname;
  const text = await outputOf(run, { program: 'ip', args: ['-j', '-4', 'route', 'get', target] });
  const [route] = JSON.parse(text) as { prefsrc?: string }[];
  if (!route?.prefsrc)
    throw new StepFailure(`there is no way to ${hostname}`, { next: 'name an address with --address' });
  return route.prefsrc;
}

/** Asked as the node itself, as soon as it has its certificate. */
async function ownNode(deps: UpDeps, layout: MemberLayout, { server, node }: Membership): Promise<Node> {
  const dir = join(layout.nodeDir, 'pki');
  const wanted = { purpose: 'client', nodeName: node, file: join(dir, 'kubelet-client.pem') } as const;
  const credentials = await readNodeCertificate(wanted, deps.clock);
  if (!credentials) throw new Error('the node has no certificate yet');
  const ca = await readFile(join(dir, 'ca.crt'), 'utf8');
  const transport = new HttpsTransport(deps, { server, ca, credentials });
  try {
    return await createClient(transport).get(nodesResource, { name: node });
  } finally {
    transport.close();
  }
}

/** Ends the node that this machine is, and removes all of it; the API keeps its object until somebody deletes it. */
export async function leaveCluster(
  deps: UpDeps,
  { home, cluster }: Pick<JoinOptions, 'home' | 'cluster'>,
): Promise<string | undefined> {
  const layout = memberLayout(home, cluster);
  const member = await readMembership(layout);
  if (!member) return undefined;
  const supervision = await supervisionOf(deps, layout);
  await deps.steps.run(`node ${member.node}: stopped`, async () => {
    await supervision.stop(nodeServiceName(member.node));
    await purgeContainerd(memberRuntime(layout, member), deps);
    await unmountBelow(layout.nodeDir);
  });
  const servers = await findCluster(home, cluster);
  if (servers) await leaveServers(deps, servers);
  await deps.steps.run('network: removed', async () => {
    // What is not there need not go.
    for (const [program, ...args] of [
      ['ip', 'link', 'del', tunnelDeviceOf(cluster)],
      ['ip', 'route', 'flush', 'proto', '107'],
      ...nodeTablesOf(cluster).map((table) => ['nft', 'delete', 'table', 'ip', table]),
    ] as [string, ...string[]][]) {
      await deps.run({ program, args });
    }
  });
  await supervision.finish({ forget: true });
  await rm(layout.dir, { recursive: true, force: true });
  return member.node;
}
