import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Rng } from '../../base/rng.ts';
import { connectContainerd } from '../../cri/containerd-client.ts';
import { pauseImage } from '../../cri/containerd-config.ts';
import { withFolderLock } from '../../host/folder-lock.ts';
import { findImages } from './image-layout.ts';
import { hasImage, importFolder } from './import-image.ts';
import type { ImageRecipe, LayerEntry } from './oci-image.ts';
import { buildOciImage, sha256 } from './oci-image.ts';
import { proxyRecipes } from './proxy-image.ts';

export const busyboxImage = 'knarr.local/busybox:1';
export const demoImage = 'knarr.local/demo:1';

/** The programs the images are made of: static binaries of Debian's packages busybox-static and catatonit. */
export interface BasePrograms {
  busybox: string;
  catatonit: string;
}

const debianPrograms: BasePrograms = { busybox: '/bin/busybox', catatonit: '/usr/bin/catatonit' };

export interface BaseImagesRequest {
  socketPath: string;
  /** Where built images are kept, one folder each, named by the hash of what went in. */
  cacheDir: string;
  programs?: BasePrograms;
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface BaseImage {
  ref: string;
  /** True when it was not in the cache. */
  built: boolean;
  /** True when the runtime did not have it. */
  imported: boolean;
}

/** Makes sure that the runtime has the pause, busybox, demo and proxy images, without a registry. Does nothing the second time. */
export async function ensureBaseImages(request: BaseImagesRequest): Promise<BaseImage[]> {
  const programs = request.programs ?? debianPrograms;
  const recipes = await baseRecipes(programs);
  const cri = connectContainerd(request.socketPath, request);
  await mkdir(request.cacheDir, { recursive: true });
  try {
    // Several nodes of a machine may start at this moment: what one builds and unpacks the next one has.
    return await withFolderLock(request.cacheDir, {}, async () => {
      const images: BaseImage[] = [];
      // In one order everywhere: images share layers, and the first one brings them.
      for (const recipe of recipes) {
        const { dir, built } = await cachedLayout(recipe, request.cacheDir);
        const [image] = await findImages(dir);
        const imported = !(await hasImage(cri, recipe.ref, image?.ids ?? []));
        if (imported) await importFolder(request, { socketPath: request.socketPath, dir });
        images.push({ ref: recipe.ref, built, imported });
      }
      return images;
    });
  } finally {
    cri.close();
  }
}

/** The layout of a recipe, built only when the cache has none with the same content. */
export async function cachedLayout(recipe: ImageRecipe, cacheDir: string): Promise<{ dir: string; built: boolean }> {
  const dir = `${cacheDir}/${await recipeHash(recipe)}`;
  const complete = await stat(`${dir}/index.json`).catch(() => undefined);
  if (complete) return { dir, built: false };
  const temporary = `${dir}.partial`;
  await rm(temporary, { recursive: true, force: true });
  await buildOciImage(recipe, temporary);
  await rename(temporary, dir);
  await removeOlder(recipe, cacheDir, dir);
  return { dir, built: true };
}

/** `name-hash`; the hash is of everything that goes into the image. */
async function recipeHash(recipe: ImageRecipe): Promise<string> {
  const withContent = async (entry: LayerEntry) =>
    entry.type === 'file' && 'file' in entry.content
      ? { ...entry, content: sha256(await readFile(entry.content.file)) }
      : entry;
  const layers = await Promise.all(recipe.layers.map((layer) => Promise.all(layer.map(withContent))));
  const hash = sha256(JSON.stringify({ ...recipe, layers, processor: process.arch }));
  return `${cacheName(recipe)}-${hash.slice('sha256:'.length, 'sha256:'.length + 16)}`;
}

const cacheName = (recipe: ImageRecipe): string => recipe.ref.replace(/[^a-z0-9.]+/g, '-');

/** The cache keeps one layout of each image. */
async function removeOlder(recipe: ImageRecipe, cacheDir: string, current: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const older = name.startsWith(`${cacheName(recipe)}-`) && `${cacheDir}/${name}` !== current;
    if (older) await rm(`${cacheDir}/${name}`, { recursive: true, force: true });
  }
}

/** What is in the base images. Reads the list of applets from the busybox program itself. */
export async function baseRecipes({ busybox, catatonit }: BasePrograms): Promise<ImageRecipe[]> {
  const shell = await busyboxLayer(busybox);
  return [
    {
      ref: pauseImage,
      layers: [[file('catatonit', catatonit)]],
      // -P: be a pause process; as first process of a shared pid namespace it also reaps.
      config: { Entrypoint: ['/catatonit', '-P'], Env: ['PATH=/'], WorkingDir: '/' },
    },
    { ref: busyboxImage, layers: [shell], config: { Cmd: ['sh'], Env: [shellPath], WorkingDir: '/' } },
    { ref: demoImage, layers: [shell, demoLayer(catatonit)], config: demoConfig },
    ...(await proxyRecipes(shell, catatonit)),
  ];
}

const shellPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const run = promisify(execFile);

async function busyboxLayer(busybox: string): Promise<LayerEntry[]> {
  const { stdout } = await run(busybox, ['--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  return [
    file('bin/busybox', busybox),
    ...applets.map((name): LayerEntry => ({ type: 'symlink', path: `bin/${name}`, target: 'busybox' })),
    text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
    text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { type: 'directory', path: 'tmp', mode: 0o1777 },
    { type: 'directory', path: 'root', mode: 0o700 },
  ];
}

/**
 * A web server on port 8080 that answers with its pod's name. busybox httpd sets no handler for SIGTERM, and a first
 * process without one ignores it: catatonit is the first process, passes signals on, and the server ends at once.
 */
const demoConfig = {
  Entrypoint: ['/catatonit', '--', '/bin/httpd', '-f', '-p', '8080', '-h', '/www'],
  Env: [shellPath],
  WorkingDir: '/',
  ExposedPorts: { '8080/tcp': {} },
};

/** httpd runs cgi-bin/index.cgi for a folder without an index.html. A pod on its node's network sets POD_NAME. */
const answer = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
echo "\${POD_NAME:-$(hostname)}"
`;

const demoLayer = (catatonit: string): LayerEntry[] => [
  file('catatonit', catatonit),
  text('www/cgi-bin/index.cgi', answer, 0o755),
  text('www/healthz', 'ok\n'),
];

const file = (path: string, source: string): LayerEntry => ({
  type: 'file',
  path,
  mode: 0o755,
  content: { file: source },
});

const text = (path: string, content: string, mode = 0o644): LayerEntry => ({
  type: 'file',
  path,
  mode,
  content: { text: content },
});
