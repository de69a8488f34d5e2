import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServingOptions } from '../api/served-versions.ts';
import { FolderGoneError, withFolderLock } from '../host/folder-lock.ts';
import { readText, writePublic } from '../pki/files.ts';
import { NewerFormatError } from './folder-format.ts';
import { StepFailure } from './step-failure.ts';
import {
  type ClusterIdentity,
  type ClusterLayout,
  clusterNamePattern,
  type Joined,
  layoutOf,
  maxClusters,
} from './layout.ts';

/** Raised when the layout of a cluster's folder changes; older ones are converted, newer ones refused. */
const formatVersion = 1;

interface IdentityFile {
  format: number;
  name: string;
  index: number;
  advertise?: string | undefined;
  serving?: ServingOptions | undefined;
  hasEtcd?: boolean | undefined;
  joined?: Joined | undefined;
}

async function readIdentity(home: string, name: string): Promise<IdentityFile | undefined> {
  const text = await readText(join(home, name, 'cluster.json'));
  return text === undefined ? undefined : (JSON.parse(text) as IdentityFile);
}

/** The cluster of this name, if it has been made on this machine. Throws `NewerFormatError`. */
export async function findCluster(home: string, name: string): Promise<ClusterLayout | undefined> {
  const file = await readIdentity(home, name);
  if (!file) return undefined;
  if (file.format > formatVersion) {
    throw new NewerFormatError(`cluster ${name}`, { format: file.format, known: formatVersion });
  }
  const { index, advertise, serving, hasEtcd, joined } = file;
  return layoutOf({ name, index, home, advertise, serving, hasEtcd, joined });
}

/** Names and indexes of all clusters of this machine, also of those that a newer knarr has made. */
export async function listClusters(home: string): Promise<{ name: string; index: number }[]> {
  const entries = await readdir(home, { withFileTypes: true }).catch(() => []);
  // What is being restored does not count yet.
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const found = await Promise.all(folders.map(({ name }) => readIdentity(home, name)));
  return found.filter((file) => file !== undefined).sort((a, b) => a.index - b.index);
}

function refuseName(name: string): void {
  if (clusterNamePattern.test(name)) return;
  throw new Error(
    `"${name}" cannot name a cluster: at most 12 lower-case letters, digits and '-', beginning with a letter`,
  );
}

/** Runs `work` while nobody else of this machine makes or removes a cluster. */
async function withHome<T>(home: string, work: () => Promise<T>): Promise<T> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  try {
    return await withFolderLock(home, {}, work);
  } catch (error) {
    // The last cluster was purged in this moment, and the folder with it.
    if (error instanceof FolderGoneError) return withHome(home, work);
    throw error;
  }
}

/** The cluster of this name; a new one takes the lowest free index, and with it networks that no other has. */
export async function ensureCluster(home: string, name: string): Promise<ClusterLayout> {
  refuseName(name);
  const known = await findCluster(home, name);
  if (known) return known;
  return withHome(home, async () => {
    const present = await findCluster(home, name);
    if (present) return present;
    const layout = layoutOf({ name, index: await freeIndex(home), home });
    await writeIdentity(layout.dir, layout);
    return layout;
  });
}

/** A cluster whose server here joins those of other machines: its networks, and with them its index, are theirs. */
export async function placeJoined(identity: ClusterIdentity): Promise<ClusterLayout> {
  refuseName(identity.name);
  return withHome(identity.home, async () => {
    const other = (await listClusters(identity.home)).find(({ index }) => index === identity.index);
    if (other && other.name !== identity.name) {
      throw new StepFailure(`cluster ${other.name} of this machine has the networks that the other servers have`, {
        next: `./knarr down --purge --cluster ${other.name} makes room, or join from another machine`,
      });
    }
    const layout = layoutOf(identity);
    await writeIdentity(layout.dir, layout);
    return layout;
  });
}

interface PlaceOptions {
  home: string;
  name: string;
  /** The index that it has if nobody else has it. */
  index: number;
  /** The folder that becomes the cluster's. */
  prepared: string;
}

/** Makes a prepared folder a cluster; `finish` gets its layout before it has its name. Rejects when there is one of this name. */
export async function placeCluster(
  { home, name, index: wanted, prepared }: PlaceOptions,
  finish: (layout: ClusterLayout) => Promise<void>,
): Promise<ClusterLayout> {
  refuseName(name);
  return withHome(home, async () => {
    if (await findCluster(home, name)) throw new Error(`there is a cluster "${name}" on this machine already`);
    const index = await freeIndex(home, wanted);
    const layout = layoutOf({ name, index, home });
    await finish(layout);
    await writeIdentity(prepared, layout);
    await rename(prepared, layout.dir);
    return layout;
  });
}

/** An index that no cluster has: the wanted one, if it is free. */
async function freeIndex(home: string, wanted?: number): Promise<number> {
  const taken = new Set((await listClusters(home)).map((cluster) => cluster.index));
  if (wanted !== undefined && !taken.has(wanted)) return wanted;
  const index = Array.from({ length: maxClusters }, (_, i) => i).find((i) => !taken.has(i));
  if (index === undefined)
    throw new Error(`there are ${maxClusters} clusters on this machine already, the most there can be`);
  return index;
}

/** What can be changed of a cluster that there is. */
export type ClusterChange = Partial<Pick<ClusterLayout, 'advertise' | 'serving' | 'hasEtcd'>>;

/** The cluster as it is from now on. */
export async function changeCluster(layout: ClusterLayout, change: ClusterChange): Promise<ClusterLayout> {
  const changed = layoutOf({ ...layout, ...change });
  await writeIdentity(layout.dir, changed);
  return changed;
}

const writeIdentity = (dir: string, layout: ClusterLayout): Promise<void> => {
  const { name, index, advertise, serving, hasEtcd, joined } = layout;
  const file: IdentityFile = { format: formatVersion, name, index, advertise, serving, hasEtcd, joined };
  return writePublic(join(dir, 'cluster.json'), `${JSON.stringify(file, undefined, 2)}\n`);
};

/**
 * Runs `work` with the cluster of this name, which is made when it is not there, while no other command changes it.
 * `onWait` is called when another one is at work.
 */
export async function withCluster<T>(
  { home, name, onWait }: { home: string; name: string; onWait: () => void },
  work: (layout: ClusterLayout) => Promise<T>,
): Promise<T> {
  for (;;) {
    const layout = await ensureCluster(home, name);
    try {
      return await withFolderLock(layout.dir, { onWait }, () => work(layout));
    } catch (error) {
      // Purged while we waited: it is made again.
      if (!(error instanceof FolderGoneError)) throw error;
    }
  }
}
