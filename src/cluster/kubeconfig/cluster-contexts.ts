import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { Clock } from '../../base/clock.ts';
import { readText, writeSecret } from '../../pki/files.ts';
import { type ClusterLayout, contextNameOf } from '../layout.ts';
import { type ContextEntry, currentContext, hasContext, mergeContext, withoutContext } from './merge.ts';
import { changeKubeconfig, removeEmptyFolder } from './user-file.ts';

/** A kubeconfig of a person that has a context of this cluster. */
interface MergedFile {
  path: string;
  /** There was no such file before. */
  created: boolean;
  /** The current context before ours; it is that again when ours goes. */
  previous?: string;
}

const recordFile = (layout: ClusterLayout): string => join(layout.dir, 'kubeconfigs.json');

async function mergedFiles(layout: ClusterLayout): Promise<MergedFile[]> {
  return JSON.parse((await readText(recordFile(layout))) ?? '[]') as MergedFile[];
}

/** Puts the cluster's context into a person's kubeconfig and remembers where; again it changes nothing. */
export async function addContext(layout: ClusterLayout, path: string, deps: { clock: Clock }): Promise<void> {
  // The cluster's own kubeconfig needs no second context.
  if (resolve(path) === layout.kubeconfig) return;
  const files = await mergedFiles(layout);
  const entry = await contextEntry(layout);
  if (!files.some((file) => file.path === path)) {
    const text = await readText(path);
    const file: MergedFile = { path, created: text === undefined, previous: currentContext(text ?? '') };
    await writeSecret(recordFile(layout), `${JSON.stringify([...files, file])}\n`);
  }
  await changeKubeconfig(path, deps, (text) => mergeContext(text, entry));
}

/** Renewed certificates for every file that still has the context; what a person has taken out stays out. */
export async function refreshContexts(layout: ClusterLayout, deps: { clock: Clock }): Promise<void> {
  const entry = await contextEntry(layout);
  for (const { path } of await mergedFiles(layout)) {
    if ((await readText(path)) === undefined) continue;
    await changeKubeconfig(path, deps, (text) => (hasContext(text, entry.name) ? mergeContext(text, entry) : text));
  }
}

/** Takes the context out of every file it was put into; a file that then has nothing left and was ours goes with it. */
export async function removeContexts(layout: ClusterLayout, deps: { clock: Clock }): Promise<string[]> {
  const files = await mergedFiles(layout);
  const name = contextNameOf(layout.name);
  for (const { path, created, previous } of files) {
    if ((await readText(path)) === undefined) continue;
    await changeKubeconfig(path, deps, (text) => withoutContext(text, name, previous) ?? (created ? undefined : ''));
    if (created) await removeEmptyFolder(path);
  }
  return files.map(({ path }) => path);
}

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

async function contextEntry(layout: ClusterLayout): Promise<ContextEntry> {
  const config = parse(await readFile(layout.kubeconfig, 'utf8')) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  return {
    name: contextNameOf(layout.name),
    server: cluster?.server ?? '',
    caData: cluster?.['certificate-authority-data'] ?? '',
    certificateData: user?.['client-certificate-data'] ?? '',
    keyData: user?.['client-key-data'] ?? '',
  };
}
