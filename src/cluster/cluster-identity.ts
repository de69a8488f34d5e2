import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readText, writePublic } from '../pki/files.ts';
import { type ClusterLayout, clusterNamePattern, layoutOf, maxClusters } from './layout.ts';

/** Raised when the layout of a cluster's folder changes; older ones are converted, newer ones refused. */
const formatVersion = 1;

interface IdentityFile {
  format: number;
  name: string;
  index: number;
}

/** The cluster of this name, if it has been made on this machine. */
export async function findCluster(home: string, name: string): Promise<ClusterLayout | undefined> {
  const text = await readText(join(home, name, 'cluster.json'));
  if (text === undefined) return undefined;
  const file = JSON.parse(text) as IdentityFile;
  if (file.format > formatVersion) {
    throw new Error(
      `cluster ${name} was made by a newer knarr (format ${file.format}, this one knows ${formatVersion})`,
    );
  }
  return layoutOf({ name, index: file.index, home });
}

/** All clusters of this machine. */
export async function listClusters(home: string): Promise<ClusterLayout[]> {
  const names = await readdir(home).catch(() => []);
  const found = await Promise.all(names.map((name) => findCluster(home, name)));
  return found.filter((cluster) => cluster !== undefined);
}

/** The cluster of this name; a new one takes the lowest free index, and with it networks that no other has. */
export async function ensureCluster(home: string, name: string): Promise<ClusterLayout> {
  if (!clusterNamePattern.test(name)) {
    throw new Error(
      `"${name}" cannot name a cluster: at most 12 lower-case letters, digits and '-', beginning with a letter`,
    );
  }
  const present = await findCluster(home, name);
  if (present) return present;
  const taken = new Set((await listClusters(home)).map((cluster) => cluster.index));
  const index = Array.from({ length: maxClusters }, (_, i) => i).find((i) => !taken.has(i));
  if (index === undefined)
    throw new Error(`there are ${maxClusters} clusters on this machine already, the most there can be`);
  const layout = layoutOf({ name, index, home });
  const file: IdentityFile = { format: formatVersion, name, index };
  await writePublic(layout.identityFile, `${JSON.stringify(file, undefined, 2)}\n`);
  return layout;
}
