import type { Image, ImageService, RuntimeService } from '../api/generated/cri.ts';
import type { ObjectReference } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { ImageAccess } from './image-access/image-access.ts';
import type { FileSystemSize } from './usage/disk-usage.ts';

export interface ImageGarbageOptions {
  imageGCHighThresholdPercent?: number;
  imageGCLowThresholdPercent?: number;
  /** Milliseconds. */
  imageMinimumGCAge?: number;
  /** Milliseconds; 0: images do not go because they are old. */
  imageMaximumGCAge?: number;
}

/** What is known of an image besides what the runtime says. */
export interface ImageRecord {
  image: Image;
  firstSeenMs: number;
  /** 0: not used since the agent knows it. */
  lastUsedMs: number;
  isUsed: boolean;
}

const defaults = {
  imageGCHighThresholdPercent: 85,
  imageGCLowThresholdPercent: 80,
  imageMinimumGCAge: 120_000,
  imageMaximumGCAge: 0,
};

/**
 * Images that may go, the longest unused first. Never one that is used, pinned or too young; nor one that no registry gave: it
 * was loaded by hand and could not be had again.
 */
export const removable = (records: readonly ImageRecord[], { nowMs, minAgeMs }: { nowMs: number; minAgeMs: number }) =>
  records
    .filter(({ image, isUsed, firstSeenMs }) => {
      const isPulled = (image.repoDigests ?? []).length > 0;
      return !isUsed && !image.pinned && isPulled && nowMs - firstSeenMs >= minAgeMs;
    })
    .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs || a.firstSeenMs - b.firstSeenMs);

export interface ImageGarbageDeps {
  images: ImageService;
  runtime: RuntimeService;
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  /** The node, for its events. */
  about: ObjectReference;
  /** The images that pods of the node have as volumes, by the names that they give them. */
  mounted(): readonly string[];
  access: Pick<ImageAccess, 'keepOnly'>;
  /** The file system of the images. */
  fileSystem(): Promise<FileSystemSize>;
}

/** Removes images that nobody uses when their disk fills up. */
export class ImageGarbage {
  readonly #deps: ImageGarbageDeps;
  readonly #options: typeof defaults;
  readonly #records = new Map<string, ImageRecord>();
  #isFirst = true;

  constructor(deps: ImageGarbageDeps, options: ImageGarbageOptions = {}) {
    this.#deps = deps;
    this.#options = { ...defaults, ...options };
  }

  /** What is done every few minutes: from the high threshold down to the low one, and what is too old. */
  async collect(): Promise<void> {
    const startedMs = this.#deps.clock.now();
    await this.#look();
    await this.#removeOld();
    await this.#makeRoom();
    await this.#forget(startedMs);
  }

  async #makeRoom(): Promise<void> {
    const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = this.#options;
    const { capacityBytes, availableBytes } = await this.#deps.fileSystem();
    const usedPercent = capacityBytes > 0 ? 100 - Math.floor((availableBytes * 100) / capacityBytes) : 0;
    if (usedPercent < high) return;
    const wanted = Math.floor((capacityBytes * (100 - low)) / 100) - availableBytes;
    const freed = await this.#free(wanted);
    if (freed >= wanted) return;
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    this.#deps.recorder.event(this.#deps.about, 'Warning', 'FreeDiskSpaceFailed', message);
  }

  /** All that nobody uses: the node is short of disk. */
  async removeUnused(): Promise<void> {
    const startedMs = this.#deps.clock.now();
    await this.#look();
    await this.#free(Number.POSITIVE_INFINITY);
    await this.#forget(startedMs);
  }

  async #look(): Promise<void> {
    const { images, runtime, clock } = this.#deps;
    const nowMs = clock.now();
    const [{ images: listed = [] }, { containers = [] }] = await Promise.all([
      images.ListImages({}),
      runtime.ListContainers({}),
    ]);
    const used = new Set(containers.flatMap(({ imageRef, image, imageId }) => [imageRef, image?.image, imageId]));
    for (const name of this.#deps.mounted()) used.add((await images.ImageStatus({ image: { image: name } })).image?.id);
    const there = new Set<string>();
    for (const image of listed) {
      const { id = '', repoTags = [], repoDigests = [] } = image;
      there.add(id);
      const isUsed = [id, ...repoTags, ...repoDigests].some((name) => used.has(name));
      const before = this.#records.get(id);
      // Those of before the agent's start are as old as can be.
      const firstSeenMs = before?.firstSeenMs ?? (this.#isFirst ? 0 : nowMs);
      this.#records.set(id, { image, firstSeenMs, isUsed, lastUsedMs: isUsed ? nowMs : (before?.lastUsedMs ?? 0) });
    }
    for (const id of this.#records.keys()) if (!there.has(id)) this.#records.delete(id);
    this.#isFirst = false;
  }

  /** Who might use images that are no longer there. */
  async #forget(listedMs: number): Promise<void> {
    const { access, images, log } = this.#deps;
    await access.keepOnly(images, [...this.#records.keys()], listedMs).catch((error: unknown) => {
      log.warn({ error: String(error) }, 'records of images that are gone are not removed');
    });
  }

  async #removeOld(): Promise<void> {
    const { imageMaximumGCAge: maxAgeMs } = this.#options;
    if (maxAgeMs === 0) return;
    const nowMs = this.#deps.clock.now();
    for (const record of this.#removable())
      if (nowMs - Math.max(record.lastUsedMs, record.firstSeenMs) > maxAgeMs) await this.#remove(record);
  }

  #removable(): ImageRecord[] {
    const nowMs = this.#deps.clock.now();
    return removable([...this.#records.values()], { nowMs, minAgeMs: this.#options.imageMinimumGCAge });
  }

  /** Answers how many bytes went. */
  async #free(bytes: number): Promise<number> {
    let freed = 0;
    for (const record of this.#removable()) {
      if (freed >= bytes) break;
      if (await this.#remove(record)) freed += record.image.size ?? 0;
    }
    return freed;
  }

  async #remove({ image }: ImageRecord): Promise<boolean> {
    const { images, log } = this.#deps;
    const { id = '', repoTags = [], size } = image;
    try {
      await images.RemoveImage({ image: { image: id } });
      this.#records.delete(id);
      log.info({ image: repoTags[0] ?? id, size }, 'image that nobody uses is removed');
      return true;
    } catch (error) {
      log.warn({ image: repoTags[0] ?? id, error: String(error) }, 'image is not removed');
      return false;
    }
  }
}
