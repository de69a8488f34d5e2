import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { inspectState } from '../../store/lmdb/state-copy.ts';
import { placeCluster } from '../cluster-identity.ts';
import { ensureFormat, nodeFormat } from '../folder-format.ts';
import type { ClusterLayout } from '../layout.ts';
import { layoutOf as networkLayoutOf } from '../network/layout.ts';
import { readState, writeState } from '../network/state-file.ts';
import {
  type BackupFile,
  type BackupManifest,
  BrokenBackupError,
  differences,
  manifestName,
  parseManifest,
} from './manifest.ts';
import { moveState } from './move-state.ts';
import { translation } from './readdress.ts';

export interface RestoreOptions {
  /** Folder of all clusters. */
  home: string;
  /** What it is called now; as in the backup unless told. */
  cluster?: string;
}

/**
 * Makes a cluster from a backup: unpacks it beside the clusters, checks every file and reads the whole state, and only then
 * gives it its name. `up` starts it. It has the networks it had, or, beside a cluster that has these, others: then services,
 * nodes and pods have the same addresses but for the part that names the network. Rejects when there is a cluster of this name.
 */
export async function restore(file: string, options: RestoreOptions): Promise<BackupManifest> {
  const { home, cluster } = options;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(home, '.restore-'));
  try {
    const manifest = await unpack(file, work);
    await checkState(file, work, manifest);
    for (const node of manifest.nodes) await ensureFormat(join(work, 'nodes', node), nodeFormat);
    await placeCluster(
      { home, name: cluster ?? manifest.cluster, index: manifest.index, prepared: work },
      async (layout) => {
        if (layout.index !== manifest.index) await moveNetworks(work, manifest, layout);
      },
    );
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Another cluster has the networks that the backup was taken in: objects and the node's places move to free ones. */
async function moveNetworks(
  work: string,
  { cluster, index }: BackupManifest,
  { network, index: to }: ClusterLayout,
): Promise<void> {
  const from = networkLayoutOf({ name: cluster, index, nodes: [] });
  await moveState(join(work, 'state'), translation(from, network));
  const file = join(work, 'network.json');
  const state = await readState(file);
  if (state) await writeState(file, { ...state, index: to });
}

/** Checks a backup without restoring it. */
export async function verifyBackup(file: string, scratch: string): Promise<BackupManifest> {
  const work = await mkdtemp(join(scratch, 'knarr-verify-'));
  try {
    const manifest = await unpack(file, work);
    await checkState(file, work, manifest);
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** All objects are there, of the revision that the manifest names. */
async function checkState(file: string, dir: string, manifest: BackupManifest): Promise<void> {
  const { revision, objects } = await inspectState(join(dir, 'state'));
  if (revision !== manifest.revision || objects !== manifest.objects) {
    const told = `${manifest.objects} objects at revision ${manifest.revision}`;
    throw new BrokenBackupError(file, `it holds ${objects} objects at revision ${revision}, not ${told}`);
  }
}

const maxManifestBytes = 1 << 20;

/** Unpacks into `dir`; throws unless every file is there as it was taken, and no other. */
async function unpack(file: string, dir: string): Promise<BackupManifest> {
  const entries = extract();
  const read = pipeline(createReadStream(file), createGunzip(), entries);
  const unpacked = unpackEntries(file, dir, entries);
  try {
    const [manifest] = await Promise.all([unpacked, read]);
    return manifest;
  } catch (error) {
    entries.destroy();
    await Promise.allSettled([read, unpacked]);
    const { code } = error as NodeJS.ErrnoException;
    const isOfArchive = code?.startsWith('Z_') || /^(Invalid tar|Unexpected end)/.test((error as Error).message);
    if (isOfArchive) throw new BrokenBackupError(file, (error as Error).message);
    throw error;
  }
}

async function unpackEntries(file: string, dir: string, entries: ReturnType<typeof extract>): Promise<BackupManifest> {
  let manifest: BackupManifest | undefined;
  const found: Omit<BackupFile, 'mode'>[] = [];
  for await (const entry of entries) {
    const { name, type } = entry.header;
    const stream = entry as unknown as Readable;
    if (!manifest) {
      if (name !== manifestName) throw new BrokenBackupError(file, 'it does not begin with a manifest');
      manifest = parseManifest(file, await textOf(stream));
      continue;
    }
    const promised = manifest.files.find(({ path }) => path === name);
    if (type !== 'file' || !promised || !isInside(name)) throw new BrokenBackupError(file, `it has an entry ${name}`);
    found.push(await writeEntry(stream, join(dir, name), promised));
  }
  if (!manifest) throw new BrokenBackupError(file, 'it is empty');
  const [first] = differences(manifest.files, found);
  if (first) throw new BrokenBackupError(file, first);
  return manifest;
}

const isInside = (name: string): boolean =>
  posix.normalize(name) === name && !name.startsWith('/') && !name.startsWith('../');

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxManifestBytes) throw new Error(`a manifest of more than ${maxManifestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function writeEntry(
  stream: Readable,
  path: string,
  { path: name, mode }: BackupFile,
): Promise<Omit<BackupFile, 'mode'>> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  let size = 0;
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      size += chunk.length;
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(stream, count, createWriteStream(path, { mode, flush: true }));
  return { path: name, size, sha256: hash.digest('hex') };
}
