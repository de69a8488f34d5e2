import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Layer, snapshotLabel } from '../../cri/containerd-layers.ts';
import type { Blob } from '../../cri/containerd-store.ts';
import { firstBytes } from './image-archive.ts';
import { fullImageName } from './image-reference.ts';
import type { Descriptor } from './oci-image.ts';
import { architecture, blobPath, mediaTypes, sha256 } from './oci-image.ts';

/** An image as found in a folder: what to store, children before parents, and what to call it. */
export interface FoundImage {
  names: string[];
  target: Descriptor;
  /** Digests of the image configurations, one per platform: the runtime's image ids. */
  ids: string[];
  blobs: Blob[];
  /** What containers of this machine's kind stand on, lowest first. */
  layers: Layer[];
}

interface Manifest {
  mediaType?: string;
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
}

/** An entry of manifest.json in what `docker save` writes. */
interface SavedImage {
  Config: string;
  RepoTags?: string[] | null;
  Layers: string[];
}

/** Pieces of this size are read and sent. */
const pieceBytes = 1 << 20;

/**
 * The images in an OCI layout or an unpacked `docker save`. `name` names an image that has no name of its own.
 * Throws when the folder is neither, or an image has no name.
 */
export async function findImages(dir: string, name?: string): Promise<FoundImage[]> {
  const index = await readJson<Manifest>(join(dir, 'index.json'));
  const saved = (await readJson<SavedImage[]>(join(dir, 'manifest.json'))) ?? [];
  if (!index && saved.length === 0) throw new Error('neither an OCI image layout nor a docker archive');
  const images = index ? await ociImages(dir, index) : await Promise.all(saved.map((image) => savedImage(dir, image)));
  // `docker save` writes both forms in one file, and its tags are then only sure to be in the older one.
  const tags = index && saved.length === 1 && images.length === 1 ? (saved[0]?.RepoTags ?? []) : [];
  return images.map((image) => {
    const own = name ? [name] : image.names.length > 0 ? image.names : tags;
    if (own.length === 0) throw new Error(`the image ${image.target.digest} has no name: give it one`);
    return { ...image, names: [...new Set(own.map(fullImageName))] };
  });
}

async function ociImages(dir: string, index: Manifest): Promise<FoundImage[]> {
  const byDigest = new Map<string, FoundImage>();
  for (const { annotations, ...target } of index.manifests ?? []) {
    const found = byDigest.get(target.digest) ?? (await ociImage(dir, target));
    found.names.push(...ociName(annotations ?? {}));
    byDigest.set(target.digest, found);
  }
  return [...byDigest.values()];
}

async function ociImage(dir: string, target: Descriptor): Promise<FoundImage> {
  const image: FoundImage = { names: [], target, ids: [], layers: [], blobs: [] };
  await collect(dir, target, image);
  return image;
}

/** containerd's annotation is a full name. `ref.name` is by the specification any text; many tools put only the tag there. */
function ociName(annotations: Record<string, string>): string[] {
  const full = annotations['io.containerd.image.name'];
  const ref = annotations['org.opencontainers.image.ref.name'];
  if (full) return [full];
  return ref && /[/:]/.test(ref) ? [ref] : [];
}

/** An image that is in a folder with `blobs/sha256`, by its manifest or index. */
export const imageIn = async (dir: string, names: string[], target: Descriptor): Promise<FoundImage> => ({
  ...(await ociImage(dir, target)),
  names,
});

/** Adds a blob with all it refers to, itself last. Of an index only the manifests that are present: the others' platforms were not saved. */
async function collect(dir: string, descriptor: Descriptor, into: FoundImage): Promise<void> {
  const own = fileBlob(blobPath(dir, descriptor.digest), descriptor);
  const content = await readJson<Manifest>(blobPath(dir, descriptor.digest));
  if (!content) throw new Error(`the image lacks the blob ${descriptor.digest}`);
  const labels: Record<string, string> = {};
  for (const [i, child] of (content.manifests ?? []).entries()) {
    if (!(await exists(blobPath(dir, child.digest)))) continue;
    labels[`containerd.io/gc.ref.content.m.${i}`] = child.digest;
    await collect(dir, child, into);
  }
  if (content.config) {
    const { config, layers = [] } = content;
    Object.assign(labels, gcLabels(config, layers));
    const chain = chainOf(await readJson<ImageConfiguration>(blobPath(dir, config.digest)), layers);
    if (chain.length > 0) into.layers = chain;
    into.ids.push(config.digest);
    into.blobs.push({ ...fileBlob(blobPath(dir, config.digest), config), labels: chainLabel(chain) });
    into.blobs.push(...layers.map((blob) => fileBlob(blobPath(dir, blob.digest), blob)));
  }
  into.blobs.push({ ...own, labels });
}

interface ImageConfiguration {
  architecture?: string;
  os?: string;
  rootfs?: { diff_ids?: string[] };
}

/** The layers of an image for this machine's kind with the names that their chain has; none for another kind, or what is no image. */
function chainOf(config: ImageConfiguration | undefined, blobs: readonly Descriptor[]): Layer[] {
  const diffs = config?.rootfs?.diff_ids ?? [];
  if (config?.architecture !== architecture || config.os !== 'linux' || diffs.length !== blobs.length) return [];
  let parent = '';
  return diffs.map((diff, i) => {
    const layer = { chainId: parent ? sha256(`${parent} ${diff}`) : diff, parent, blob: blobs[i] as Descriptor };
    parent = layer.chainId;
    return layer;
  });
}

const chainLabel = (chain: readonly Layer[]): Record<string, string> => {
  const top = chain.at(-1);
  return top ? { [snapshotLabel]: top.chainId } : {};
};

function gcLabels(config: Descriptor, layers: Descriptor[]): Record<string, string> {
  const entries = layers.map((layer, i) => [`containerd.io/gc.ref.content.l.${i}`, layer.digest]);
  return { 'containerd.io/gc.ref.content.config': config.digest, ...Object.fromEntries(entries) };
}

/** A docker archive has no manifest that could be stored: one is made from its configuration and layers. */
async function savedImage(dir: string, saved: SavedImage): Promise<FoundImage> {
  const config = await describe(dir, saved.Config, mediaTypes.config);
  const layers = await Promise.all(saved.Layers.map((path) => describe(dir, path, mediaTypes.layer)));
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
  });
  const target = { mediaType: mediaTypes.manifest, digest: sha256(text), size: Buffer.byteLength(text) };
  const manifest: Blob = {
    ...target,
    labels: gcLabels(
      config.descriptor,
      layers.map((layer) => layer.descriptor),
    ),
    read: async function* () {
      yield Buffer.from(text);
    },
  };
  const chain = chainOf(
    await readJson<ImageConfiguration>(join(dir, saved.Config)),
    layers.map((layer) => layer.descriptor),
  );
  const configBlob = { ...config.blob, labels: chainLabel(chain) };
  const blobs = [configBlob, ...layers.map((layer) => layer.blob), manifest];
  return { names: saved.RepoTags ?? [], target, ids: [config.descriptor.digest], blobs, layers: chain };
}

const compressions: Record<string, string> = { '1f8b': '+gzip', '28b5': '+zstd' };

async function describe(dir: string, name: string, mediaType: string): Promise<{ descriptor: Descriptor; blob: Blob }> {
  const path = join(dir, posix.join('/', name));
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  const suffix =
    mediaType === mediaTypes.layer ? (compressions[(await firstBytes(path)).toString('hex', 0, 2)] ?? '') : '';
  const { size } = await stat(path);
  const descriptor = { mediaType: `${mediaType}${suffix}`, digest: `sha256:${hash.digest('hex')}`, size };
  return { descriptor, blob: fileBlob(path, descriptor) };
}

const fileBlob = (path: string, { digest, size }: Descriptor): Blob => ({
  digest,
  size,
  file: path,
  read: () => createReadStream(path, { highWaterMark: pieceBytes }),
});

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as T);
}
