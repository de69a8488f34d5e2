import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cachedLayout } from './base-images.ts';
import { withImageFolder } from './image-archive.ts';
import { findImages } from './image-layout.ts';
import type { ImageRecipe } from './oci-image.ts';
import { blobPath, buildOciImage, withParents } from './oci-image.ts';

const run = promisify(execFile);
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'knarr-oci-'));
  await writeFile(join(dir, 'program'), Buffer.alloc(3_000_000, 'x'));
});
afterEach(() => rm(dir, { recursive: true }));

const recipe = (): ImageRecipe => ({
  ref: 'knarr.local/test:1',
  layers: [
    [
      { type: 'file', path: 'usr/bin/program', mode: 0o755, content: { file: join(dir, 'program') } },
      { type: 'symlink', path: 'usr/bin/p', target: 'program' },
      { type: 'directory', path: 'tmp', mode: 0o1777 },
    ],
    [{ type: 'file', path: `etc/${'long'.repeat(40)}`, mode: 0o644, content: { text: 'ä' } }],
  ],
  config: { Cmd: ['p'] },
});

describe('an OCI image', () => {
  it('has the same digest each time, whatever the times of its files', async () => {
    const first = await buildOciImage(recipe(), join(dir, 'a'));
    await run('touch', ['-d', '2001-01-01', join(dir, 'program')]);
    expect(await buildOciImage(recipe(), join(dir, 'b'))).toEqual(first);
  });

  it('holds blobs that are what their names say, and layers that tar can read', async () => {
    await buildOciImage(recipe(), join(dir, 'a'));
    const [image] = await findImages(join(dir, 'a'));
    expect(image?.names).toEqual(['knarr.local/test:1']);
    for (const { digest, size } of image?.blobs ?? []) {
      const bytes = await readFile(blobPath(join(dir, 'a'), digest));
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest);
      expect(bytes.length).toBe(size);
    }
    const [, layer] = image?.blobs ?? [];
    const { stdout } = await run('tar', ['-tvf', blobPath(join(dir, 'a'), layer?.digest as string)]);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => line.replace(/ +/g, ' ').split(' ').slice(5).join(' '))).toEqual([
      'usr/',
      'usr/bin/',
      'usr/bin/program',
      'usr/bin/p -> program',
      'tmp/',
    ]);
    expect(lines.at(-1)).toMatch(/^drwxrwxrwt 0\/0/);
  });

  it('names in the labels of its manifest the blobs that live with it', async () => {
    await buildOciImage(recipe(), join(dir, 'a'));
    const [image] = await findImages(join(dir, 'a'));
    const digests = image?.blobs.map(({ digest }) => digest) ?? [];
    expect(image?.blobs.at(-1)?.labels).toEqual({
      'containerd.io/gc.ref.content.config': digests[0],
      'containerd.io/gc.ref.content.l.0': digests[1],
      'containerd.io/gc.ref.content.l.1': digests[2],
    });
    expect(image?.ids).toEqual([digests[0]]);
  });

  it('is built once for the same content, and replaces the one before it', async () => {
    const cache = join(dir, 'cache');
    const first = await cachedLayout(recipe(), cache);
    expect(first.built).toBe(true);
    expect(await cachedLayout(recipe(), cache)).toEqual({ ...first, built: false });
    await writeFile(join(dir, 'program'), 'changed');
    const second = await cachedLayout(recipe(), cache);
    expect(second.built).toBe(true);
    await expect(readFile(join(first.dir, 'index.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps folders before what is in them, with the mode they were given', () => {
    const entries = withParents([
      { type: 'file', path: 'a/b/c', mode: 0o600, content: { text: '' } },
      { type: 'directory', path: 'a', mode: 0o700 },
    ]);
    expect(entries.map(({ path }) => path)).toEqual(['a', 'a/b', 'a/b/c']);
    expect(entries[0]).toMatchObject({ mode: 0o700 });
  });
});

describe('an image archive', () => {
  it('is found in a gzipped tar as in the folder', async () => {
    const target = await buildOciImage(recipe(), join(dir, 'a'));
    await run('tar', ['-czf', join(dir, 'a.tgz'), '-C', join(dir, 'a'), '.']);
    const found = await withImageFolder({ source: join(dir, 'a.tgz') }, (folder) => findImages(folder, 'mine:2'));
    expect(found).toMatchObject([{ names: ['docker.io/library/mine:2'], target: { digest: target.digest } }]);
  });

  it('must not name anything outside of itself', async () => {
    await run('tar', ['-cPf', join(dir, 'evil.tar'), '-C', dir, '--transform=s,program,../../program,', 'program']);
    await expect(withImageFolder({ source: join(dir, 'evil.tar') }, async () => undefined)).rejects.toThrow(
      'outside of itself',
    );
  });

  it('without a name, or that is no image, is refused', async () => {
    await buildOciImage(recipe(), join(dir, 'a'));
    const index = JSON.parse(await readFile(join(dir, 'a/index.json'), 'utf8'));
    index.manifests[0].annotations = { 'org.opencontainers.image.ref.name': 'latest' };
    await writeFile(join(dir, 'a/index.json'), JSON.stringify(index));
    await expect(findImages(join(dir, 'a'))).rejects.toThrow('has no name');
    await expect(findImages(dir)).rejects.toThrow('neither');
  });

  it('with an index for several platforms brings those that are there', async () => {
    const manifest = await buildOciImage(recipe(), join(dir, 'a'));
    const absent = { ...manifest, digest: `sha256:${'0'.repeat(64)}` };
    const text = JSON.stringify({ schemaVersion: 2, manifests: [manifest, absent] });
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
    await writeFile(blobPath(join(dir, 'a'), digest), text);
    const nested = { mediaType: 'application/vnd.oci.image.index.v1+json', digest, size: text.length };
    const index = { manifests: [{ ...nested, annotations: { 'io.containerd.image.name': 'multi:1' } }] };
    await writeFile(join(dir, 'a/index.json'), JSON.stringify(index));
    const [image] = await findImages(join(dir, 'a'));
    expect(image).toMatchObject({ names: ['docker.io/library/multi:1'], target: { digest } });
    expect(image?.blobs.at(-1)?.labels).toEqual({ 'containerd.io/gc.ref.content.m.0': manifest.digest });
  });
});
