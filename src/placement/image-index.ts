import type { ContainerImage } from '../api/generated/types.ts';

/** Which nodes have an image, and how large it is there. */
export class ImageIndex {
  readonly #nodesOf = new Map<string, Map<number, number>>();

  /** `undefined` when no node has it. Sizes in bytes by slot. */
  sizes(image: string): ReadonlyMap<number, number> | undefined {
    return this.#nodesOf.get(image);
  }

  add(slot: number, images: readonly ContainerImage[] | undefined): void {
    for (const image of images ?? []) {
      for (const name of image.names ?? []) {
        const sizes = this.#nodesOf.get(name) ?? new Map<number, number>();
        sizes.set(slot, image.sizeBytes ?? 0);
        this.#nodesOf.set(name, sizes);
      }
    }
  }

  remove(slot: number, images: readonly ContainerImage[] | undefined): void {
    for (const image of images ?? []) {
      for (const name of image.names ?? []) {
        const sizes = this.#nodesOf.get(name);
        sizes?.delete(slot);
        if (sizes?.size === 0) this.#nodesOf.delete(name);
      }
    }
  }
}

/** A name without tag or digest means `:latest`. */
export function imageName(image: string): string {
  const isTagged = image.lastIndexOf(':') > image.lastIndexOf('/');
  return isTagged || image.includes('@') ? image : `${image}:latest`;
}
