import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** One thing in a layer. Folders above it are made without being named. `path` has no leading slash. */
export type LayerEntry =
  | { type: 'file'; path: string; mode: number; content: { file: string } | { text: string } }
  | { type: 'symlink'; path: string; target: string }
  | { type: 'directory'; path: string; mode: number };

/** The part of an image's configuration we use (OCI image spec, config.md). */
export interface ImageConfig {
  Entrypoint?: string[];
  Cmd?: string[];
  Env?: string[];
  WorkingDir?: string;
  User?: string;
  StopSignal?: string;
  ExposedPorts?: Record<string, object>;
}

export interface ImageRecipe {
  /** The full name with its tag, as `knarr.local/pause:1`. */
  ref: string;
  layers: LayerEntry[][];
  config: ImageConfig;
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: { architecture: string; os: string };
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** The names Go gives the processors that Node runs on. */
const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', ia32: '386' };
export const architecture: string = architectures[process.arch] ?? process.arch;

/**
 * Builds an OCI image layout (image-spec/image-layout.md) in the folder `dir`. The same input gives the same digests:
 * no times, no owners, uncompressed layers. Returns the manifest's descriptor.
 */
export async function buildOciImage(recipe: ImageRecipe, dir: string): Promise<Descriptor> {
  await mkdir(`${dir}/blobs/sha256`, { recursive: true });
  const platform = { architecture, os: 'linux' };
  const layers: Descriptor[] = [];
  for (const [i, entries] of recipe.layers.entries()) layers.push(await writeLayer(entries, dir, i));
  const config = await writeJsonBlob(dir, mediaTypes.config, {
    created: '1970-01-01T00:00:00Z',
    ...platform,
    config: recipe.config,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'knarr' })),
  });
  const manifest = await writeJsonBlob(dir, mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers,
  });
  const described = { ...manifest, platform, annotations: { 'io.containerd.image.name': recipe.ref } };
  await writeFile(`${dir}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    `${dir}/index.json`,
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [described] }),
  );
  return described;
}

export const sha256 = (data: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(data).digest('hex')}`;

/** The path of a blob in a layout. Throws for a digest that is not a plain sha256: it would become a path. */
export function blobPath(dir: string, digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`not a sha256 digest: ${digest}`);
  return `${dir}/blobs/sha256/${digest.slice('sha256:'.length)}`;
}

async function writeJsonBlob(dir: string, mediaType: string, value: object): Promise<Descriptor> {
  const text = JSON.stringify(value);
  const descriptor = { mediaType, digest: sha256(text), size: Buffer.byteLength(text) };
  await writeFile(blobPath(dir, descriptor.digest), text);
  return descriptor;
}

/** Streams the layer's tar into a blob; its name is only known at the end. */
async function writeLayer(entries: LayerEntry[], dir: string, index: number): Promise<Descriptor> {
  const hash = createHash('sha256');
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const tar = pack();
  const temporary = `${dir}/blobs/layer-${index}.partial`;
  const written = pipeline(tar, measure, createWriteStream(temporary));
  await Promise.all([written, packEntries(tar, withParents(entries))]);
  const digest = `sha256:${hash.digest('hex')}`;
  await rename(temporary, blobPath(dir, digest));
  return { mediaType: mediaTypes.layer, digest, size };
}

async function packEntries(tar: ReturnType<typeof pack>, entries: LayerEntry[]): Promise<void> {
  try {
    for (const entry of entries) await packEntry(tar, entry);
    tar.finalize();
  } catch (error) {
    (tar as unknown as Writable).destroy(error as Error);
    throw error;
  }
}

async function packEntry(tar: ReturnType<typeof pack>, entry: LayerEntry): Promise<void> {
  const header = { mtime: new Date(0), uid: 0, gid: 0 };
  if (entry.type === 'directory') {
    tar.entry({ ...header, name: `${entry.path}/`, type: 'directory', mode: entry.mode });
  } else if (entry.type === 'symlink') {
    tar.entry({ ...header, name: entry.path, type: 'symlink', linkname: entry.target, mode: 0o777 });
  } else if ('text' in entry.content) {
    tar.entry({ ...header, name: entry.path, mode: entry.mode }, entry.content.text);
  } else {
    const { size } = await stat(entry.content.file);
    const target = tar.entry({ ...header, name: entry.path, mode: entry.mode, size });
    await pipeline(createReadStream(entry.content.file), target);
  }
}

/** Every folder before what is in it, each once. */
export function withParents(entries: LayerEntry[]): LayerEntry[] {
  const named = new Map(entries.filter((entry) => entry.type === 'directory').map((entry) => [entry.path, entry]));
  const result = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const parts = entry.path.split('/');
    for (let i = 1; i < parts.length; i++) {
      const path = parts.slice(0, i).join('/');
      if (!result.has(path)) result.set(path, named.get(path) ?? { type: 'directory', path, mode: 0o755 });
    }
    if (!result.has(entry.path)) result.set(entry.path, entry);
  }
  return [...result.values()];
}
