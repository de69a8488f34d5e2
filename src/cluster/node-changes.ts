import { mkdir, rm } from 'node:fs/promises';
import { nodes as nodesResource, pods as podsResource } from '../api/generated/resources.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { withFolderLock } from '../host/folder-lock.ts';
import type { Client } from '../client/client.ts';
import { type AdminClient, adminClient } from './admin-client.ts';
import { drain, podsOn } from './drain.ts';
import { type ClusterLayout, nodeDir } from './layout.ts';
import { endContainers, localNodes, virtualNetwork } from './local-nodes.ts';
import type { NodeLayout } from './network/layout.ts';
import { nodeServiceName, type Program } from './services.ts';
import { startNodes } from './start-nodes.ts';
import { commandFor, isReadySince } from './start-service.ts';
import { StepFailure } from './step-failure.ts';
import { type Supervision, supervisionOf } from './supervision.ts';
import type { UpDeps } from './up.ts';

/** Names of nodes end in names of namespaces, and are names of objects (RFC 1123 label). */
const nodeNamePattern = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/;

/** What can be done to the nodes of this machine. */
export type NodeChange = 'add' | 'remove' | 'stop' | 'start' | 'partition' | 'heal';

interface Change {
  layout: ClusterLayout;
  program: Program;
  supervision: Supervision;
  /** Every node of the machine, before the change. */
  present: readonly string[];
  node: string;
}

/**
 * Changes one node, as the person who has the machine would: plugs in one more, takes one away for good, switches one off
 * and on, pulls its cable and puts it back. The API is told of an added and of a removed node only: all else it must find out.
 */
export async function changeNode(
  deps: UpDeps,
  change: NodeChange,
  { layout, program, node }: Pick<Change, 'layout' | 'program' | 'node'>,
): Promise<void> {
  const onWait = () => deps.steps.note(`another command is at work on cluster ${layout.name}: waiting for it`);
  await withFolderLock(layout.dir, { onWait }, async () => {
    const present = await localNodes(layout);
    refuse(change, { layout, node, present });
    const supervision = await supervisionOf(deps, layout);
    await changes[change](deps, { layout, program, supervision, present, node });
  });
}

function refuse(change: NodeChange, { layout, node, present }: Pick<Change, 'layout' | 'node' | 'present'>): void {
  const next = `there are: ${present.join(', ')}`;
  if (change !== 'add') {
    if (!present.includes(node)) throw new StepFailure(`this machine has no node ${node} of the cluster`, { next });
    if (change === 'remove' && present.length === 1)
      throw new StepFailure(`${node} is the last node`, {
        next: `${commandFor('down', layout)} --purge ends the cluster`,
      });
    return;
  }
  if (present.includes(node)) throw new StepFailure(`there is a node ${node} already`, { next });
  if (!nodeNamePattern.test(node) || node === 'fab')
    throw new StepFailure(`"${node}" cannot name a node`, {
      next: "use lower-case letters, digits and '-', at most 32",
    });
}

const changes: Record<NodeChange, (deps: UpDeps, change: Change) => Promise<void>> = {
  async add(deps, change) {
    await withServer(deps, change, async (admin) => {
      await mkdir(nodeDir(change.layout, change.node), { recursive: true });
      await start(deps, change, { admin, nodes: [...change.present, change.node] });
    });
  },
  async start(deps, change) {
    await withServer(deps, change, (admin) => start(deps, change, { admin, nodes: change.present }));
  },
  async remove(deps, change) {
    const { layout, supervision, node, present } = change;
    await withServer(deps, change, async ({ client }) => {
      if (await isReady(client, node)) {
        const moved = (count: number) => `${count} pods evicted`;
        await deps.steps.run(`node ${node}: drained`, () => drain({ ...deps, client }, node), moved);
      }
      await deps.steps.run(`node ${node}: removed`, async () => {
        await supervision.remove(nodeServiceName(node));
        await forget(client, node);
        await endContainers(deps, { layout, node, how: 'purge' });
        await rm(nodeDir(layout, node), { recursive: true, force: true });
        const nodes = present.filter((name) => name !== node);
        await virtualNetwork(deps, layout).up({ index: layout.index, nodes });
      });
    });
  },
  async stop(deps, change) {
    const { layout, supervision, node } = change;
    await deps.steps.run(`node ${node}: stopped`, async () => {
      // First of all: nothing of it says good-bye.
      await setLink(deps, change, { isCutOff: true });
      await supervision.stop(nodeServiceName(node));
      await endContainers(deps, { layout, node, how: 'halt' });
    });
  },
  async partition(deps, change) {
    await deps.steps.run(`node ${change.node}: cut off`, () => setLink(deps, change, { isCutOff: true }));
  },
  async heal(deps, change) {
    await deps.steps.run(`node ${change.node}: reachable`, () => setLink(deps, change, { isCutOff: false }));
  },
};

async function isReady(client: Client, name: string): Promise<boolean> {
  const { items } = await client.list(nodesResource, { fieldSelector: `metadata.name=${name}` });
  return items.some((node) => isReadySince(node, 0));
}

/** Nobody is left who could end its pods: they go without having been asked. */
async function forget(client: Client, name: string): Promise<void> {
  const unlessGone = (error: unknown) => {
    if (!isNotFound(error)) throw error;
  };
  for (const { metadata } of await podsOn(client, name)) {
    const key = { namespace: metadata.namespace, name: metadata.name };
    await client.delete(podsResource, key, { gracePeriodSeconds: 0 }).catch(unlessGone);
  }
  await client.delete(nodesResource, { name }).catch(unlessGone);
}

async function withServer<T>(deps: UpDeps, { layout }: Change, work: (admin: AdminClient) => Promise<T>): Promise<T> {
  const admin = await adminThatAnswers(deps, layout).catch((cause: unknown) => {
    const next = `${commandFor('up', layout)} starts the cluster`;
    throw new StepFailure(`the API server at ${layout.apiUrl} does not answer`, { next, cause });
  });
  try {
    return await work(admin);
  } finally {
    admin.close();
  }
}

async function adminThatAnswers(deps: UpDeps, layout: ClusterLayout): Promise<AdminClient> {
  const admin = await adminClient(layout, deps);
  try {
    (await admin.transport.raw('GET', '/readyz')).stream.resume();
    return admin;
  } catch (error) {
    admin.close();
    throw error;
  }
}

async function start(
  deps: UpDeps,
  change: Change,
  { admin, nodes }: { admin: AdminClient; nodes: readonly string[] },
): Promise<void> {
  const places = await setLink(deps, { ...change, present: nodes }, { isCutOff: false });
  const { layout, supervision, program, node } = change;
  await startNodes(
    deps,
    { layout, supervision, admin, program },
    places.filter((place) => place.name === node),
  );
}

/** Resolves with where all nodes are. */
async function setLink(
  deps: UpDeps,
  { layout, present, node }: Change,
  { isCutOff }: { isCutOff: boolean },
): Promise<readonly NodeLayout[]> {
  const network = virtualNetwork(deps, layout);
  const before = await network.layoutOf({ index: layout.index, nodes: present });
  const others = before.nodes.filter((place) => place.isCutOff && place.name !== node).map(({ name }) => name);
  const cutOff = isCutOff ? [...others, node] : others;
  return (await network.up({ index: layout.index, nodes: present, cutOff })).nodes;
}
