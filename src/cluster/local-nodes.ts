import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterLayout } from './layout.ts';

/** Names of the nodes that this machine has of a cluster, whether they run or not. */
export async function localNodes(layout: ClusterLayout): Promise<string[]> {
  const entries = await readdir(join(layout.dir, 'nodes'), { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
