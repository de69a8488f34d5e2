import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';

/**
 * Calls `work` with a folder that holds the image: `source` itself when it is one, or the unpacked tar (plain or gzip),
 * which is deleted afterwards. Throws for a tar that names anything outside of itself.
 */
export async function withImageFolder<T>(source: string, work: (dir: string) => Promise<T>): Promise<T> {
  if ((await stat(source)).isDirectory()) return await work(source);
  const dir = await mkdtemp(join(tmpdir(), 'knarr-image-'));
  try {
    await unpack(source, dir);
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
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
