import { mkdir, rm } from 'node:fs/promises';
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
/** Short, and none that a person would take. */
const cluster = 'e2e-suite';
const scratch = `${tmpdir()}/knarr-${cluster}`;
const home = process.env.KNARR_HOME ?? '/var/lib/knarr';

const knarr = (...args: string[]): Promise<string> =>
  outputOf(runCommand, { program: `${root}/knarr`, args: [...args, '--cluster', cluster] });

/** Brings the suite's cluster up as a user would. */
export async function setup(project: TestProject): Promise<void> {
  await teardown();
  try {
    await mkdir(scratch, { recursive: true });
    await knarr('up', '--no-demo', '--no-kubeconfig');
    project.provide('kubeconfig', `${home}/${cluster}/admin.kubeconfig`);
    project.provide('kubectl', await findKubectl(root, { run: runCommand }));
    project.provide('scratch', scratch);
  } catch (error) {
    await teardown();
    throw error;
  }
}

/** Removes it, whatever the tests have left. */
export async function teardown(): Promise<void> {
  await knarr('down', '--purge');
  await rm(scratch, { recursive: true, force: true });
}
