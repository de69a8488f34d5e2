import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { findKubectl } from '../../src/cluster/kubectl.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The cluster's kubeconfig. */
    kubeconfig: string;
    kubectl: string;
    /** Home of kubectl's caches, and of everything else that a test writes; removed at the end. */
    scratch: string;
  }
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = process.env.KNARR_HOME ?? '/var/lib/knarr';

/** A name of this run's own: another checkout's run may go on at the same time, and must be left alone. */
const cluster = `e2e-${process.pid}`;
const scratchOf = (name: string): string => `${tmpdir()}/knarr-${name}`;

const knarr = (name: string, ...args: string[]): Promise<string> =>
  outputOf(runCommand, { program: `${root}/knarr`, args: [...args, '--cluster', name] });

async function purge(name: string): Promise<void> {
  await knarr(name, 'down', '--purge');
  await rm(scratchOf(name), { recursive: true, force: true });
}

/** What runs have left that were killed: their process is gone. */
async function abandoned(): Promise<string[]> {
  const names = [...(await readdir(home).catch(() => [])), ...(await readdir(tmpdir()))];
  const runs = new Map<string, string>();
  for (const name of names) {
    const [, run, pid] = /^(?:knarr-)?(e2e-(\d+))$/.exec(name) ?? [];
    if (run && pid) runs.set(run, pid);
  }
  const isGone = (pid: string) =>
    access(`/proc/${pid}`).then(
      () => false,
      () => true,
    );
  const gone: string[] = [];
  for (const [name, pid] of runs) if (await isGone(pid)) gone.push(name);
  return gone;
}

/** Brings the suite's cluster up as a user would. */
export async function setup(project: TestProject): Promise<void> {
  for (const name of await abandoned()) await purge(name);
  try {
    await mkdir(scratchOf(cluster), { recursive: true });
    await knarr(cluster, 'up', '--no-demo', '--no-kubeconfig');
    project.provide('kubeconfig', `${home}/${cluster}/admin.kubeconfig`);
    project.provide('kubectl', await findKubectl(root, { run: runCommand }));
    project.provide('scratch', scratchOf(cluster));
  } catch (error) {
    await teardown();
    throw error;
  }
}

/** Removes it, whatever the tests have left. */
export const teardown = (): Promise<void> => purge(cluster);
