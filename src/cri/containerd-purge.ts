import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { connectContainerd } from './containerd-client.ts';
import type { ContainerdPaths } from './containerd-config.ts';
import type { Cri } from './cri.ts';
import { removeTree } from './mounts.ts';
import { findProcesses, settled, signal } from '../host/recorded-process.ts';
import { removeCgroups } from './remove-cgroups.ts';

interface Deps {
  clock: Clock;
  log: Logger;
}

/** More at a time only makes each one slower: two task deletions keep a core busy. */
const parallelRemovals = 4;

/** Stops and removes every sandbox with its containers, through the runtime; false when one stayed. Failures are logged. */
export async function removeSandboxes(socketPath: string, deps: Deps): Promise<boolean> {
  const cri = connectContainerd(socketPath, deps);
  let isEmpty = true;
  try {
    const { items = [] } = await cri.runtime.ListPodSandbox({});
    const queue = items.map((item) => item.id as string);
    const worker = async () => {
      for (let id = queue.pop(); id; id = queue.pop()) if (!(await isRemoved(cri, id, deps.log))) isEmpty = false;
    };
    await Promise.all(Array.from({ length: parallelRemovals }, worker));
  } catch (error) {
    deps.log.warn({ error: String(error) }, 'the runtime did not list its sandboxes');
    isEmpty = false;
  } finally {
    cri.close();
  }
  return isEmpty;
}

async function isRemoved(cri: Cri, podSandboxId: string, log: Logger): Promise<boolean> {
  try {
    await cri.runtime.StopPodSandbox({ podSandboxId });
    await cri.runtime.RemovePodSandbox({ podSandboxId });
    return true;
  } catch (error) {
    log.warn({ podSandboxId, error: String(error) }, 'the runtime did not remove a sandbox');
    return false;
  }
}

export interface Leftovers {
  paths: ContainerdPaths;
  cgroup: string | undefined;
  /** How long the shims may take to end by themselves. */
  shimGraceMs: number;
  /** A folder in the runtime's that stays. */
  kept: string | undefined;
}

/**
 * Removes all that a stopped containerd may have left: shims and their sockets, processes and cgroups below `cgroup`,
 * mounts, cached CNI results, the folder with all but `kept`. Needs no containerd and may be repeated. Throws when something stays.
 */
export async function removeLeftovers({ paths, cgroup, shimGraceMs, kept }: Leftovers, deps: Deps): Promise<void> {
  await removeShims(paths.socket, deps.clock, shimGraceMs);
  const left = cgroup ? await removeCgroups(cgroup, deps.clock) : [];
  await removeCniResults(paths);
  await removeShimSockets(paths);
  const inside = kept ? (await readdir(paths.dir)).map((name) => join(paths.dir, name)) : [];
  for (const dir of kept ? inside.filter((path) => path !== kept) : [paths.dir]) await removeTree(dir);
  if (left.length > 0) throw new Error(`cgroups still in use: ${left.slice(0, 5).join(', ')}`);
}

/** A shim of ours names our socket in its arguments. Told by its containerd it ends by itself; without one it stays for ever. */
export async function removeShims(socket: string, clock: Clock, graceMs: number): Promise<void> {
  const shims = () => findProcesses((args) => args[args.indexOf('-address') + 1] === socket);
  const gone = async () => (await shims()).length === 0;
  if (await settled(clock, graceMs, gone)) return;
  for (const { pid } of await shims()) signal(pid, 'SIGKILL');
  if (!(await settled(clock, 2000, gone))) throw new Error(`shims of ${socket} do not end`);
}

/** Sockets of shims, of those too that were killed: the bundle of each container says where its shim listens. */
async function removeShimSockets(paths: ContainerdPaths): Promise<void> {
  const bundles = join(paths.state, 'io.containerd.runtime.v2.task/k8s.io');
  for (const id of await readdir(bundles).catch(() => [])) {
    const address = await readFile(join(bundles, id, 'address'), 'utf8').catch(() => '');
    const socket = /^unix:\/\/(\/run\/containerd\/s\/[0-9a-f]+)$/.exec(address.trim())?.[1];
    if (socket) await rm(socket, { force: true });
  }
}

/** libcni's cache; the folder cannot be configured in containerd 1.6, so several runtimes share it. */
const cniResults = '/var/lib/cni/results';

interface CniResult {
  containerId?: string;
  /** The network configuration, base64. */
  config?: string;
}

/** Deletes the cached results of sandboxes whose network configuration names our folder, their loopback's included. */
async function removeCniResults(paths: ContainerdPaths): Promise<void> {
  const names = await readdir(cniResults).catch(() => []);
  const results = await Promise.all(
    names.map(async (name) => ({ name, ...(await readCniResult(join(cniResults, name))) })),
  );
  const named = (config = '') => Buffer.from(config, 'base64').toString().includes(`${paths.dir}/`);
  const ours = new Set(results.filter(({ config }) => named(config)).map(({ containerId }) => containerId));
  for (const { name, containerId } of results) {
    if (containerId && ours.has(containerId)) await rm(join(cniResults, name), { force: true });
  }
}

async function readCniResult(path: string): Promise<CniResult> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as CniResult;
  } catch {
    // Not a result, or gone since: not ours to judge.
    return {};
  }
}
