import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { connectContainerd } from '../../cri/containerd-client.ts';
import type { Cri } from '../../cri/cri.ts';
import { fullImageName } from './image-reference.ts';

export interface ImageSummary {
  /** Digest of the image's configuration. */
  id: string;
  /** Full names with tags, sorted. */
  names: string[];
  /** Bytes of the compressed content. */
  size: number;
}

interface Target {
  socketPath: string;
  clock: Clock;
  log: Logger;
}

/** The images of a node's runtime, by name. */
export function listImages(target: Target): Promise<ImageSummary[]> {
  return withRuntime(target, async (cri) => {
    const { images = [] } = await cri.images.ListImages({});
    return images
      .map(({ id = '', repoTags = [], repoDigests = [], size = 0 }) => {
        return { id, names: repoTags.length > 0 ? [...repoTags].sort() : [...repoDigests].sort(), size };
      })
      .sort((a, b) => compare(a.names[0] ?? a.id, b.names[0] ?? b.id));
  });
}

/** Removes an image under all its names, given by one of them or by id. False when there is none. */
export function removeImage(target: Target, name: string): Promise<boolean> {
  return withRuntime(target, async (cri) => {
    const spec = { image: /^(sha256:)?[0-9a-f]{64}$/.test(name) ? name : fullImageName(name) };
    const { image } = await cri.images.ImageStatus({ image: spec });
    if (!image) return false;
    await cri.images.RemoveImage({ image: spec });
    return true;
  });
}

async function withRuntime<T>(target: Target, work: (cri: Cri) => Promise<T>): Promise<T> {
  const cri = connectContainerd(target.socketPath, target);
  try {
    return await work(cri);
  } finally {
    cri.close();
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
