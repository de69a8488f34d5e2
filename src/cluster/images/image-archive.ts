import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';

/** Of a folder with an image: its layers, unpacked. */
export const layersFolder = 'knarr-layers';

/**
 * Calls `work` with a folder of our own below `scratch` that holds the image, from a folder or an unpacked tar (plain or gzip);
 * it is deleted afterwards, but its files may be linked. Throws for a tar that names anything outside of itself, and for
 * content that is not what its name says.
 */
export async function withImageFolder<T>(
  { source, scratch = tmpdir() }: { source: string; scratch?: string },
  work: (dir: string) => Promise<T>,
): Promise<T> {
  const isFolder = (await stat(source)).isDirectory();
  const dir = await mkdtemp(join(scratch, 'knarr-image-'));
  try {
    if (isFolder) await cp(source, dir, { recursive: true });
    else await unpack(source, dir);
    // Only we may say what a layer looks like.
    await rm(join(dir, layersFolder), { recursive: true, force: true });
    await verifyBlobs(dir);
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What is linked into a content store is not looked at again. */
async function verifyBlobs(dir: string): Promise<void> {
  const folder = join(dir, 'blobs/sha256');
  for (const name of await readdir(folder).catch(() => [])) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder, name)), hash);
    if (hash.digest('hex') !== name) throw new Error(`the blob sha256:${name} has another content`);
  }
}

/** Only regular files are written; links (old `docker save` shares layers by them) become copies of their targets. */
async function unpack(file: string, dir: string): Promise<void> {
  const entries = extract();
  const links: { path: string; target: string }[] = [];
  const read = pipeline(createReadStream(file), (await isGzip(file)) ? createGunzip() : new PassThrough(), entries);
  const written = (async () => {
    for await (const entry of entries) {
      const { name, type, linkname } = entry.header;
      const path = inside(name);
      if (type === 'file' || type === 'contiguous-file') {
        await mkdir(dirname(join(dir, path)), { recursive: true });
        await pipeline(entry as unknown as Readable, createWriteStream(join(dir, path)));
      } else {
        if (type === 'symlink') links.push({ path, target: inside(posix.join(posix.dirname(path), linkname ?? '')) });
        if (type === 'link') links.push({ path, target: inside(linkname ?? '') });
        entry.resume();
      }
    }
  })();
  await Promise.all([read, written]);
  for (const { path, target } of links) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await copyFile(join(dir, target), join(dir, path));
  }
}

function inside(name: string): string {
  const path = posix.normalize(name);
  if (path.startsWith('/') || path === '..' || path.startsWith('../')) {
    throw new Error(`the archive names a path outside of itself: ${name}`);
  }
  return path;
}

export async function isGzip(file: string): Promise<boolean> {
  return (await firstBytes(file)).subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]));
}

/** The first four bytes: enough to tell gzip and zstd from tar. */
export async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
