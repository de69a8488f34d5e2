import { Command } from 'commander';
import { findCluster } from '../cluster/cluster-identity.ts';
import { importImage } from '../cluster/images/import-image.ts';
import { listImages, removeImage } from '../cluster/images/list-images.ts';
import { type ClusterLayout, nodeDir } from '../cluster/layout.ts';
import { localNodes } from '../cluster/local-nodes.ts';
import { containerdPaths } from '../cri/containerd-config.ts';
import { withCluster } from './cli.ts';
import { CommandFailure, homeOf, type Surroundings } from './surroundings.ts';

interface Flags {
  cluster: string;
}

/** `knarr image load|list|rm`: images of the nodes on this machine, without a registry. */
export function imageCommand(at: Surroundings): Command {
  const command = new Command('image').description('images of the nodes, without a registry');
  command.addCommand(
    withCluster(new Command('load'))
      .description('load an image (docker save tar, OCI layout tar or folder) into every node')
      .argument('<source>', 'file or folder')
      .action(async (source: string, { cluster }: Flags) => {
        for (const socketPath of await sockets(at, cluster)) {
          const images = await importImage({ socketPath, source, clock: at.clock, rng: at.rng, log: at.log });
          for (const { ref, digest } of images) at.stdout.write(`${ref} ${digest}\n`);
        }
      }),
  );
  command.addCommand(
    withCluster(new Command('list'))
      .description('list images')
      .action(async ({ cluster }: Flags) => {
        const [socketPath] = await sockets(at, cluster);
        if (!socketPath) return;
        for (const { names, size } of await listImages({ ...at, socketPath })) {
          at.stdout.write(`${names.join(' ')}\t${(size / 1e6).toFixed(1)} MB\n`);
        }
      }),
  );
  command.addCommand(
    withCluster(new Command('rm'))
      .description('remove an image from every node')
      .argument('<name>', 'name with tag')
      .action(async (name: string, { cluster }: Flags) => {
        const all = await sockets(at, cluster);
        const removed = await Promise.all(all.map((socketPath) => removeImage({ ...at, socketPath }, name)));
        if (!removed.some(Boolean)) throw new CommandFailure(`no node has the image ${name}`);
      }),
  );
  return command;
}

async function sockets(at: Surroundings, cluster: string): Promise<string[]> {
  const layout = await findCluster(homeOf(at), cluster);
  if (!layout) throw new CommandFailure(`there is no cluster "${cluster}" on this machine; knarr up makes one`);
  return (await localNodes(layout)).map((node) => socketOf(layout, node));
}

const socketOf = (layout: ClusterLayout, node: string): string =>
  containerdPaths(`${nodeDir(layout, node)}/containerd`).socket;
