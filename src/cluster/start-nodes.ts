import { existsSync } from 'node:fs';
import { nodes as nodesResource } from '../api/generated/resources.ts';
import type { AdminClient } from './admin-client.ts';
import type { Build } from './build.ts';
import { drain, setUnschedulable } from './drain.ts';
import { shareImages } from './images/import-image.ts';
import type { ClusterLayout } from './layout.ts';
import { runningRuntimes, runtimePaths } from './local-nodes.ts';
import type { NodeLayout } from './network/layout.ts';
import { nodeService, nodeServiceName, type Program } from './services.ts';
import { startNode } from './start-service.ts';
import type { Supervision } from './supervision.ts';
import type { ServiceStart } from './supervisor.ts';
import type { UpDeps } from './up.ts';

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

/** What became of a service, for a person. */
export const startText =
  (now: Build) =>
  (start: ServiceStart): string => {
    if (start.was === 'running') return 'runs already';
    if (start.was === 'stopped') return 'started';
    const { build: before } = start;
    return before && before.version !== now.version ? `${before.version} replaced by ${now.version}` : 'replaced';
  };
