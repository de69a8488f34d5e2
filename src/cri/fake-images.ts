import { createHash } from 'node:crypto';
import type { AuthConfig, Image, ImageService, ImageSpec } from '../api/generated/cri.ts';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { RpcError } from '../rpc/rpc-error.ts';
import type { FileMount, ImageFiles } from './cri.ts';

export interface FakeImage {
  /** The name as pods write it; the fake does not complete names. */
  ref: string;
  /** True when the node has it from the start. */
  present?: boolean;
  sizeBytes?: number;
  pullMs?: number;
  /** Every pull fails with this message. */
  pullError?: string;
  /** Pulls need one of these, `user:password`. */
  credentials?: readonly string[];
}

/** The images of the fake runtime: some on the node, the others in an imaginary registry. */
export class FakeImages {
  readonly #clock: Clock;
  readonly #known: Map<string, FakeImage>;
  readonly #present = new Set<string>();
  /** Those that came from the imaginary registry: they have a digest there. */
  readonly #pulled = new Set<string>();
  readonly #views = new Map<string, FileMount>();

  constructor(clock: Clock, images: readonly FakeImage[]) {
    this.#clock = clock;
    this.#known = new Map(images.map((image) => [image.ref, image]));
    for (const image of images) if (image.present) this.#present.add(image.ref);
  }

  /** Nothing can be mounted; what is asked for is kept. */
  readonly files: ImageFiles = {
    view: async (image, key) => {
      const kept = this.#views.get(key);
      if (kept) return kept;
      const found = this.find({ image });
      if (!found) throw new RpcError('NotFound', `image "${image}" is not on the node`);
      const mount = { type: 'bind', source: `/fake/${imageId(found.ref)}`, options: ['ro', 'rbind'] };
      this.#views.set(key, mount);
      return mount;
    },
    release: async (key) => void this.#views.delete(key),
  };

  /** The image on the node with this name or id. */
  find(spec: ImageSpec | undefined): FakeImage | undefined {
    const wanted = spec?.image ?? '';
    const ref = [...this.#present].find((name) => name === wanted || imageId(name) === wanted);
    return ref === undefined ? undefined : this.#known.get(ref);
  }

  calls(): ImageService {
    return {
      ListImages: async ({ filter }) => {
        const one = filter?.image?.image ? this.find(filter.image) : undefined;
        const all = [...this.#present].flatMap((ref) => this.#known.get(ref) ?? []);
        return { images: (filter?.image?.image ? (one ? [one] : []) : all).map((found) => this.#describe(found)) };
      },
      ImageStatus: async ({ image }) => {
        const found = this.find(image);
        return found ? { image: this.#describe(found) } : {};
      },
      PullImage: async ({ image, auth }) => await this.#pull(image?.image ?? '', auth),
      RemoveImage: async ({ image }) => {
        const found = this.find(image);
        if (found) this.#present.delete(found.ref);
        return {};
      },
      ImageFsInfo: async () => ({
        imageFilesystems: [
          { timestamp: this.#clock.now() * 1e6, fsId: { mountpoint: '/fake' }, usedBytes: { value: 0 } },
        ],
      }),
    };
  }

  #describe(image: FakeImage): Image {
    const { ref, sizeBytes = 1_000_000 } = image;
    const repoDigests = this.#pulled.has(ref) ? [`${ref.replace(/:[^:/]*$/, '')}@${imageId(ref)}`] : [];
    return { id: imageId(ref), repoTags: [ref], repoDigests, size: sizeBytes };
  }

  async #pull(ref: string, auth: AuthConfig = {}): Promise<{ imageRef: string }> {
    const image = this.#known.get(ref);
    if (image?.pullMs) await sleep(this.#clock, image.pullMs);
    if (!image) throw new RpcError('NotFound', `failed to pull image "${ref}": not found`);
    if (image.pullError) throw new RpcError('Unknown', `failed to pull image "${ref}": ${image.pullError}`);
    if (image.credentials && !image.credentials.includes(`${auth.username}:${auth.password}`))
      throw new RpcError('Unknown', `failed to pull image "${ref}": pull access denied: authorization failed`);
    this.#present.add(ref);
    this.#pulled.add(ref);
    return { imageRef: imageId(ref) };
  }
}

/** The same name gives the same id. */
export const imageId = (ref: string): string => `sha256:${createHash('sha256').update(ref).digest('hex')}`;
