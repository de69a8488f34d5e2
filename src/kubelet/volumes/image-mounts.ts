import { readdir } from 'node:fs/promises';
import { posix } from 'node:path';
import type { FileMount, ImageFiles } from '../../cri/cri.ts';
import { mountsBelow, removeTree } from '../../cri/mounts.ts';
import { outputOf, type RunCommand } from '../../host/command.ts';
import { ConfigError } from '../config/config-error.ts';
import type { PodPaths } from '../pod-paths.ts';

export interface ImageMountsDeps {
  files: ImageFiles;
  paths: PodPaths;
  run: RunCommand;
}

export interface ImageMount {
  /** Of the volume. */
  name: string;
  /** On the node already. */
  image: string;
  dir: string;
}

const viewOf = (podUid: string, volumeName: string) => `knarr-volume/${podUid}/${volumeName}`;

/** Images that are mounted for pods. Remembers nothing: what a pod has is seen by its folder. */
export class ImageMounts {
  readonly #deps: ImageMountsDeps;
  /** By folder: containers of one pod may start at once. */
  readonly #mounting = new Map<string, Promise<void>>();

  constructor(deps: ImageMountsDeps) {
    this.#deps = deps;
  }

  /** Mounts the image on the folder, if it is not there yet. Throws `ConfigError`. */
  async mount(podUid: string, mount: ImageMount): Promise<void> {
    const { dir } = mount;
    const running = this.#mounting.get(dir) ?? this.#mountOnce(podUid, mount).finally(() => this.#mounting.delete(dir));
    this.#mounting.set(dir, running);
    await running;
  }

  async #mountOnce(podUid: string, { name, image, dir }: ImageMount): Promise<void> {
    if ((await mountsBelow(dir)).length > 0) return;
    try {
      const view = await this.#deps.files.view(image, viewOf(podUid, name));
      await outputOf(this.#deps.run, { program: 'mount', ...mountArgs(view, dir) });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new ConfigError(`failed to mount image "${image}" for volume "${name}": ${text}`, 'ImageVolumeMountFailed');
    }
  }

  /** Unmounts all of the pod, also of an earlier agent, and lets the images go. */
  async teardown(podUid: string): Promise<void> {
    const folder = this.#deps.paths.volumeDir(podUid, 'image', '');
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return [];
    });
    for (const name of names) {
      await removeTree(posix.join(folder, name));
      await this.#deps.files.release(viewOf(podUid, name));
    }
  }
}

/**
 * The arguments of mount(8), and the folder to call it in: the kernel takes one page of options, which the layers of a large
 * image would fill with the path that they share.
 */
export function mountArgs({ type, source, options }: FileMount, dir: string): { args: string[]; cwd?: string } {
  if (type === 'bind') return { args: ['-o', options.join(','), source, dir] };
  const lower = options.find((option) => option.startsWith('lowerdir='))?.slice('lowerdir='.length) ?? '';
  const layers = lower.split(':');
  const cwd = posix.dirname(posix.dirname(layers[0] ?? ''));
  const near = layers.map((layer) => (layer.startsWith(`${cwd}/`) ? posix.relative(cwd, layer) : layer));
  const rest = options.filter((option) => !option.startsWith('lowerdir='));
  return { args: ['-t', type, '-o', ['ro', ...rest, `lowerdir=${near.join(':')}`].join(','), source, dir], cwd };
}
