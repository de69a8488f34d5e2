import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { connectContainerd } from '../../cri/containerd-client.ts';
import { ContainerdStore } from '../../cri/containerd-store.ts';
import type { Cri } from '../../cri/cri.ts';
import { withImageFolder } from './image-archive.ts';
import type { FoundImage } from './image-layout.ts';
import { findImages } from './image-layout.ts';

export interface ImportRequest {
  /** The unix socket of the node's containerd. */
  socketPath: string;
  /** A `docker save` tar, an OCI layout tar (each also gzipped), or such a layout in a folder. */
  source: string;
  /** A name for an image that brings none; it replaces the image's own. */
  name?: string;
  clock: Clock;
  rng: Rng;
  log: Logger;
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

/** Puts the images of an archive or layout into a node's containerd; when it resolves, pods can use them. */
export async function importImage(request: ImportRequest): Promise<ImportedImage[]> {
  return await withImageFolder(request.source, async (dir) => {
    const images = await findImages(dir, request.name);
    const store = new ContainerdStore(request.socketPath, request);
    const cri = connectContainerd(request.socketPath, request);
    try {
      const imported: ImportedImage[] = [];
      for (const image of images) imported.push(...(await importOne({ image, store, cri }, request)));
      return imported;
    } finally {
      store.close();
      cri.close();
    }
  });
}

async function importOne(
  { image, store, cri }: { image: FoundImage; store: ContainerdStore; cri: Cri },
  { clock, log }: ImportRequest,
): Promise<ImportedImage[]> {
  const { target } = image;
  await store.withLease(async (lease) => {
    for (const blob of image.blobs) await store.writeBlob(blob, lease);
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
