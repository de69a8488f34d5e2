import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { connectContainerd } from '../../cri/containerd-client.ts';
import { ContainerdStore } from '../../cri/containerd-store.ts';
import type { Cri } from '../../cri/cri.ts';
import { layersFolder, withImageFolder } from './image-archive.ts';
import type { FoundImage } from './image-layout.ts';
import { findImages, imageIn } from './image-layout.ts';

export interface ImportDeps {
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface ImportRequest {
  /** The unix sockets of the nodes' containerds. */
  socketPaths: readonly string[];
  /** A `docker save` tar, an OCI layout tar (each also gzipped), or such a layout in a folder. */
  source: string;
  /** A name for an image that brings none; it replaces the image's own. */
  name?: string;
  /** A folder on the nodes' file system: what is unpacked there is shared by them. */
  scratch?: string;
}

export interface ImportedImage {
  /** The full name, as pods may write it. */
  ref: string;
  /** Digest of the manifest or index. */
  digest: string;
}

/** Labels with which the CRI takes the image as its own, as if it had pulled it. */
const managed = { 'io.cri-containerd.image': 'managed' };

/** How long the CRI may take to learn of an image from containerd's events. */
const seenWithinMs = 10_000;

/** Puts the images of an archive or layout into nodes' containerds; when it resolves, pods can use them. */
export async function importImage(deps: ImportDeps, request: ImportRequest): Promise<ImportedImage[]> {
  return await withImageFolder(request, async (dir) => {
    let imported: ImportedImage[] = [];
    // One after the other: the first one unpacks for all.
    for (const socketPath of request.socketPaths) imported = await importFolder(deps, { ...request, socketPath, dir });
    return imported;
  });
}

export interface FolderRequest {
  socketPath: string;
  /** An OCI layout or unpacked `docker save`, whose files nobody ever changes: they may be linked. Unpacked layers are kept in it, too. */
  dir: string;
  name?: string;
}

export async function importFolder(
  deps: ImportDeps,
  { socketPath, dir, name }: FolderRequest,
): Promise<ImportedImage[]> {
  const images = await findImages(dir, name);
  return await withRuntime(socketPath, deps, async (runtime) => {
    const imported: ImportedImage[] = [];
    for (const image of images) {
      imported.push(...(await importOne(deps, runtime, image, (chainId) => join(dir, layersFolder, chainId))));
    }
    return imported;
  });
}

interface Runtime {
  store: ContainerdStore;
  cri: Cri;
}

async function withRuntime<T>(
  socketPath: string,
  deps: ImportDeps,
  work: (runtime: Runtime) => Promise<T>,
): Promise<T> {
  const runtime = { store: new ContainerdStore(socketPath, deps), cri: connectContainerd(socketPath, deps) };
  try {
    return await work(runtime);
  } finally {
    runtime.store.close();
    runtime.cri.close();
  }
}

/** Gives one node all images that another one has; both are on one file system, and hold them once. */
export async function shareImages(
  deps: ImportDeps,
  { from, to }: { from: string; to: string },
): Promise<ImportedImage[]> {
  return await withRuntime(from, deps, ({ store: source }) =>
    withRuntime(to, deps, async (target) => {
      const present = new Set((await target.store.images()).map(({ name }) => name));
      const imported: ImportedImage[] = [];
      await source.withLease(async (lease) => {
        for (const { name, target: descriptor } of await source.images()) {
          // Names by id and by digest come with the image itself.
          if (present.has(name) || !/:[\w.-]+$/.test(name) || name.startsWith('sha256:')) continue;
          const image = await imageIn(source.contentDir, [name], descriptor);
          const folders = new Map<string, string>();
          for (const { chainId } of image.layers) {
            const folder = await source.layers.folder(chainId, lease);
            if (folder) folders.set(chainId, folder);
          }
          imported.push(...(await importOne(deps, target, image, (chainId) => folders.get(chainId))));
        }
      });
      return imported;
    }),
  );
}

/** `sharedLayer`: where a layer is, or is to be, unpacked for all. */
async function importOne(
  { clock, log }: ImportDeps,
  { store, cri }: Runtime,
  image: FoundImage,
  sharedLayer: (chainId: string) => string | undefined,
): Promise<ImportedImage[]> {
  const { target } = image;
  await store.withLease(async (lease) => {
    for (const blob of image.blobs) await store.writeBlob(blob, lease);
    for (const layer of image.layers) await store.layers.unpack(layer, sharedLayer(layer.chainId), lease);
    for (const name of image.names) await store.putImage({ name, labels: managed, target });
  });
  for (const name of image.names) await untilSeen(cri, { name, ids: image.ids, clock });
  log.info({ names: image.names, digest: target.digest }, 'image imported');
  return image.names.map((ref) => ({ ref, digest: target.digest }));
}

/** The CRI reads containerd's events to learn of images; it says nothing when it has, so it is asked. */
async function untilSeen(cri: Cri, wanted: { name: string; ids: string[]; clock: Clock }): Promise<void> {
  const deadline = wanted.clock.now() + seenWithinMs;
  while (!(await hasImage(cri, wanted.name, wanted.ids))) {
    if (wanted.clock.now() > deadline) throw new Error(`the runtime does not see the imported image ${wanted.name}`);
    await sleep(wanted.clock, 5);
  }
}

/** True when the runtime has an image with one of these ids (digests of configurations) under this name. */
export async function hasImage(cri: Cri, name: string, ids: readonly string[]): Promise<boolean> {
  const { image } = await cri.images.ImageStatus({ image: { image: name } });
  return image?.id !== undefined && ids.includes(image.id);
}
