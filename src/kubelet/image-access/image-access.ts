import { join } from 'node:path';
import type { ImageService } from '../../api/generated/cri.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Cri } from '../../cri/cri.ts';
import type { PodPaths } from '../pod-paths.ts';
import { type AccessRule, defaultRule, matchOf, shownBy, standingOf } from './access-rule.ts';
import type { Credential } from './keyring.ts';
import { PullRecords } from './pull-records.ts';
import { recordFiles } from './record-files.ts';

/** By the names of a KubeletConfiguration. */
export interface ImageAccessSettings {
  imagePullCredentialsVerificationPolicy?: AccessRule['policy'];
  preloadedImagesVerificationAllowlist?: string[];
}

export interface ImageAccessDeps {
  records: PullRecords;
  log: Logger;
  rule: AccessRule;
}

/** An image that came, and what opened the registry for it. */
export interface PulledImage {
  imageRef: string;
  used?: Credential | undefined;
}

/** Whether pods may use images of the node: what one pod's credentials fetched is for those alone that have them. */
export class ImageAccess {
  readonly #deps: ImageAccessDeps;

  constructor(deps: ImageAccessDeps) {
    this.#deps = deps;
  }

  /** Of an image that is there. The credentials are only asked for when it depends on them. */
  async mayUse(image: string, imageRef: string, credentials: () => Promise<readonly Credential[]>): Promise<boolean> {
    const { records, rule, log } = this.#deps;
    const standing = standingOf(image, records.known(image, imageRef), rule);
    if (standing === 'free') return true;
    if (standing === 'closed') return false;
    const { matches, learned } = matchOf(standing, await credentials());
    if (learned) {
      // It is true without being written down, too.
      await records.write(image, { imageRef, shown: { kubernetesSecrets: [learned] } }).catch((error: unknown) => {
        log.warn({ image, error: String(error) }, 'who may use an image is not written down');
      });
    }
    return matches;
  }

  /**
   * Runs a pull between its two records; `presentRef`: the image that has the name now. Rejects as the pull does, or
   * when there is no room for the first record.
   */
  async pull(image: string, presentRef: string | undefined, pull: () => Promise<PulledImage>): Promise<void> {
    const { records, log } = this.#deps;
    await records.begin(image, presentRef).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`Failed to record image pull intent for container image ${JSON.stringify(image)}: ${message}`);
    });
    let isWritten = true;
    try {
      const { imageRef, used } = await pull();
      await records.write(image, { imageRef, shown: shownBy(used) }).catch((error: unknown) => {
        // With its intent the image goes on counting as pulled by the node.
        isWritten = false;
        log.warn({ image, error: String(error) }, 'an image that was pulled is not written down');
      });
    } finally {
      await records.end(image, { keepIntent: !isWritten }).catch((error: unknown) => {
        log.warn({ image, error: String(error) }, 'the intent of a pull is not removed');
      });
    }
  }

  /** What an earlier agent began: asked once, when this one starts. */
  async settle(images: Pick<ImageService, 'ImageStatus'>): Promise<void> {
    await this.#deps.records.settle(images, { isLate: false }).catch((error: unknown) => {
      this.#deps.log.warn({ error: String(error) }, 'pulls of an earlier agent are not looked at');
    });
  }

  /** From time to time: what is known of images that are gone goes. `listedMs`: a moment before these were listed. */
  async keepOnly(
    images: Pick<ImageService, 'ImageStatus'>,
    imageRefs: readonly string[],
    listedMs: number,
  ): Promise<void> {
    await this.#deps.records.settle(images, { isLate: true });
    await this.#deps.records.keepOnly(imageRefs, listedMs);
  }
}

/** Resolves when it is known what earlier agents have pulled. */
export async function createImageAccess(
  { clock, log, cri, paths }: { clock: Clock; log: Logger; cri: Pick<Cri, 'images'>; paths: PodPaths },
  settings: ImageAccessSettings = {},
): Promise<ImageAccess> {
  const folder = paths.pullRecordsDir;
  const files = { pulling: recordFiles(join(folder, 'pulling')), pulled: recordFiles(join(folder, 'pulled')) };
  const records = new PullRecords({ clock, files });
  await records.load();
  const {
    imagePullCredentialsVerificationPolicy: policy = defaultRule.policy,
    preloadedImagesVerificationAllowlist: allowlist = [],
  } = settings;
  const access = new ImageAccess({ records, log, rule: { policy, allowlist } });
  await access.settle(cri.images);
  return access;
}
