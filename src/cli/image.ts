import { Command } from 'commander';
import { importImage } from '../cluster/images/import-image.ts';
import { type ImageSummary, listImages, removeImage } from '../cluster/images/list-images.ts';
import { runningRuntimes } from '../cluster/local-nodes.ts';
import { supervisionOf } from '../cluster/supervision.ts';
import { documented, type OutputFormat, withCluster, withOutput } from './options.ts';
import { CommandFailure, existingCluster, homeOf, printJson, type Surroundings } from './surroundings.ts';

interface Flags {
  cluster: string;
  output: OutputFormat;
}

/** `knarr image load|list|rm`: images of the nodes on this machine, without a registry. */
export function imageCommand(at: Surroundings): Command {
  const command = new Command('image').description('images of the nodes, without a registry');
  for (const make of [loadCommand, listCommand, removeCommand]) command.addCommand(make(at));
  return command;
}

function loadCommand(at: Surroundings): Command {
  const command = new Command('load')
    .description('load an image (docker save tar, OCI layout tar or folder) into every node')
    .argument('<source>', 'file or folder')
    .action(async (source: string, { cluster, output }: Flags) => {
      const socketPaths = (await runtimes(at, cluster)).map(({ socketPath }) => socketPath);
      const loaded = await importImage(at, { socketPaths, source, scratch: homeOf(at) }).catch((error: unknown) => {
        throw cannotLoad(source, error);
      });
      const images = loaded.map(({ ref, digest }) => ({ name: ref, digest }));
      if (output === 'json') printJson(at, images);
      else for (const { name, digest } of images) at.stdout.write(`${name} ${digest}\n`);
    });
  return documented(withOutput(withCluster(command)), {
    examples: ['docker save app:1 >app.tar; ./knarr image load app.tar'],
    exits: ['noCluster'],
  });
}

function cannotLoad(source: string, error: unknown): CommandFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file or folder' : message;
  const wanted = 'wanted is a tar of docker save or of an OCI layout (plain or gzip), or a folder with an OCI layout';
  return new CommandFailure(`${source} cannot be loaded: ${why}; ${wanted}`, { cause: error });
}

function listCommand(at: Surroundings): Command {
  const command = new Command('list')
    .alias('ls')
    .description('list the images of the nodes')
    .action(async ({ cluster, output }: Flags) => {
      const images = await imagesOfNodes(at, cluster);
      if (output === 'json') return printJson(at, images);
      for (const { names, size, nodes } of images) {
        at.stdout.write(`${names.join(' ')}\t${(size / 1e6).toFixed(1)} MB\t${nodes.join(' ')}\n`);
      }
    });
  return documented(withOutput(withCluster(command)), {
    examples: ["./knarr image list --output json | jq -r '.[].names[]'"],
    exits: ['noCluster'],
  });
}

function removeCommand(at: Surroundings): Command {
  const command = new Command('rm')
    .description('remove an image from every node')
    .argument('<name>', 'name with tag')
    .action(async (name: string, { cluster }: Flags) => {
      const all = await runtimes(at, cluster);
      const removed = await Promise.all(all.map(({ socketPath }) => removeImage({ ...at, socketPath }, name)));
      if (!removed.some(Boolean)) throw new CommandFailure(`no node has the image ${name}`);
    });
  return documented(withCluster(command), { examples: ['./knarr image rm app:1'], exits: ['noCluster'] });
}

/** Every image once, with the nodes that have it. */
async function imagesOfNodes(at: Surroundings, cluster: string): Promise<(ImageSummary & { nodes: string[] })[]> {
  const images = new Map<string, ImageSummary & { nodes: string[] }>();
  for (const { node, socketPath } of await runtimes(at, cluster)) {
    for (const image of await listImages({ ...at, socketPath })) {
      const known = images.get(image.id) ?? { ...image, nodes: [] };
      images.set(image.id, { ...known, nodes: [...known.nodes, node] });
    }
  }
  return [...images.values()];
}

/** Of the nodes that run: one that is stopped keeps the images that it has. */
async function runtimes(at: Surroundings, cluster: string): Promise<{ node: string; socketPath: string }[]> {
  const layout = await existingCluster(at, cluster);
  return runningRuntimes(await supervisionOf(at, layout), layout);
}
