import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';
import type { Clock } from '../../base/clock.ts';
import { copyState, inspectState } from '../../store/lmdb/state-copy.ts';
import type { ClusterLayout } from '../layout.ts';
import { localNodes } from '../local-nodes.ts';
import { type BackupFile, backupFormat, type BackupManifest, manifestName } from './manifest.ts';

export interface BackupDeps {
  clock: Clock;
  /** Of knarr. */
  version: string;
}

/** Files of a cluster's folder that are in a backup besides the state; folders whole. Nodes get theirs anew. */
const kept = ['cluster.json', 'network.json', 'join-token', 'pki', 'config'];

/**
 * Writes state, keys and certificates of a cluster into one file (tar, gzip; mode 0600; nothing in it is encrypted), whole or
 * not at all. The cluster may run and be written to: all objects are of one revision. Resolves with the manifest.
 */
export async function backup(deps: BackupDeps, layout: ClusterLayout, file: string): Promise<BackupManifest> {
  if (layout.etcd) {
    const { localUrl } = layout.etcd;
    throw new Error(
      `the state is in etcd: etcdctl snapshot save FILE --endpoints ${localUrl} saves it (its certificates: ${layout.pkiDir})`,
    );
  }
  const target = resolve(file);
  // Beside the target: the space is needed there anyway.
  const work = await mkdtemp(join(dirname(target), '.knarr-backup-'));
  try {
    await copyState(layout.stateDir, join(work, 'state'));
    const state = await inspectState(join(work, 'state'));
    await rm(join(work, 'state/lock.mdb'), { force: true });
    const sources = [
      { path: 'state/data.mdb', source: join(work, 'state/data.mdb') },
      ...(await filesOf(layout.dir, kept)).map((path) => ({ path, source: join(layout.dir, path) })),
    ];
    const files = await Promise.all(sources.map(describe));
    const manifest: BackupManifest = {
      format: backupFormat,
      stateFormat: state.format,
      knarr: deps.version,
      cluster: layout.name,
      index: layout.index,
      nodes: await localNodes(layout),
      revision: state.revision,
      objects: state.objects,
      takenAt: new Date(deps.clock.now()).toISOString(),
      files: files.map(({ path, size, sha256, mode }) => ({ path, size, sha256, mode })),
    };
    await writeArchive(join(work, 'archive'), manifest, files);
    await rename(join(work, 'archive'), target);
    await syncFolder(dirname(target));
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function filesOf(dir: string, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const info = await stat(join(dir, name)).catch(() => undefined);
    if (info?.isFile()) found.push(name);
    // A file that is being replaced at this moment has a twin with this ending.
    if (info?.isDirectory()) {
      const inside = (await readdir(join(dir, name))).filter((entry) => !entry.endsWith('.next')).sort();
      found.push(...inside.map((entry) => `${name}/${entry}`));
    }
  }
  return found;
}

interface Source extends BackupFile {
  source: string;
}

async function describe({ path, source }: { path: string; source: string }): Promise<Source> {
  const { size, mode } = await stat(source);
  const hash = createHash('sha256');
  await pipeline(createReadStream(source), hash);
  return { path, source, size, mode: path === 'state/data.mdb' ? 0o600 : mode & 0o777, sha256: hash.digest('hex') };
}

async function writeArchive(path: string, manifest: BackupManifest, files: readonly Source[]): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createGzip({ level: 1 }), createWriteStream(path, { mode: 0o600, flush: true }));
  const packed = (async () => {
    tar.entry({ name: manifestName, mode: 0o600 }, JSON.stringify(manifest, undefined, 2));
    for (const file of files) await packFile(tar, file);
    tar.finalize();
  })();
  await Promise.all([written, packed]);
}

async function packFile(tar: Pack, { path, source, size, mode }: Source): Promise<void> {
  const entry = tar.entry({ name: path, size, mode });
  await pipeline(createReadStream(source), entry as unknown as NodeJS.WritableStream);
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
