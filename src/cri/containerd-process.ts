import { spawn } from 'node:child_process';
import { access, constants, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { connectContainerd } from './containerd-client.ts';
import type { ContainerdPaths } from './containerd-config.ts';
import { containerdPaths, pauseImage, renderContainerdConfig } from './containerd-config.ts';
import { removeLeftovers, removeSandboxes } from './containerd-purge.ts';
import type { Cri } from './cri.ts';
import type { ProcessIdentity } from '../host/recorded-process.ts';
import { isRunning, readIdentity, recordAndExec, settled, signal } from '../host/recorded-process.ts';

export interface ContainerdOptions {
  /** Absolute path of the folder that is all this containerd's. */
  dir: string;
  /** The cgroup below which this node's pods live (`/knarr-CLUSTER/NODE`); removed by a purge. */
  cgroup?: string;
  /** Folder of the CNI plugins; /usr/lib/cni. */
  cniBinDir?: string;
  /** The handler of pods that name none; runc. */
  defaultRuntime?: string;
  /** A command that runs the rest of its arguments, as `nsenter --net=FILE`: for a start from another network namespace. */
  launcher?: readonly string[];
}

interface Deps {
  clock: Clock;
  log: Logger;
}

/** A containerd of our own. It outlives this process: the next one adopts it by `ensureContainerd`. */
export interface Containerd {
  readonly paths: ContainerdPaths;
  readonly socketPath: string;
  readonly pid: number;
  /** True when it ran already. */
  readonly adopted: boolean;
  /** Ends containerd; pods keep running. With `purge`, ends and removes everything it ever made. */
  stop(options?: { purge?: boolean }): Promise<void>;
}

/**
 * Not the agent's environment: what a containerd needs does not depend on who happened to start it. Its garbage is
 * collected twice as often as Go would: a few megabytes less, on a node that is idle most of the time.
 */
const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', GOGC: '50' };

/**
 * Makes sure that this folder's containerd runs with the present configuration and answers: adopts it, starts it, or
 * restarts it when the configuration has changed. Call it again when the event stream ends. Throws with the end of
 * containerd's log when it does not start.
 */
export async function ensureContainerd(options: ContainerdOptions, deps: Deps): Promise<Containerd> {
  const paths = containerdPaths(options.dir);
  const program = await findProgram('containerd');
  if (!program) throw new Error('containerd is not installed');
  const args = argsOf(paths);
  const changed = await writeConfig(options, paths);
  let identity = await runningIdentity(paths, args);
  if (identity && changed) {
    deps.log.info({ pid: identity.pid }, 'containerd restarts with a changed configuration');
    await terminate(identity, args, deps.clock);
    identity = undefined;
  }
  const adopted = identity !== undefined;
  identity ??= await start({ paths, launcher: options.launcher ?? [], program }, deps);
  await untilReady({ identity, paths }, deps);
  const stop = ({ purge = false } = {}) => (purge ? purgeContainerd(options, deps) : stopContainerd(options, deps));
  return { paths, socketPath: paths.socket, pid: identity.pid, adopted, stop };
}

/** Ends the containerd of this folder, if it runs; pods keep running. */
export async function stopContainerd(options: Pick<ContainerdOptions, 'dir'>, deps: Deps): Promise<void> {
  const paths = containerdPaths(options.dir);
  const args = argsOf(paths);
  const identity = await runningIdentity(paths, args);
  if (identity) await terminate(identity, args, deps.clock);
  await rm(paths.pidFile, { force: true });
}

/**
 * Removes every pod of this folder's containerd, containerd itself and all its traces; works also when it does not run.
 * `keepImages`: what it has stored stays, if it could be asked to remove its pods from that.
 */
export async function purgeContainerd(
  { keepImages = false, ...options }: Pick<ContainerdOptions, 'dir' | 'cgroup'> & { keepImages?: boolean },
  deps: Deps,
): Promise<void> {
  const paths = containerdPaths(options.dir);
  const running = (await runningIdentity(paths, argsOf(paths))) !== undefined;
  const isEmpty = running && (await removeSandboxes(paths.socket, deps));
  await stopContainerd(options, deps);
  const kept = keepImages && isEmpty ? paths.root : undefined;
  await removeLeftovers({ paths, cgroup: options.cgroup, shimGraceMs: running ? 2000 : 0, kept }, deps);
}

async function runningIdentity(paths: ContainerdPaths, args: readonly string[]): Promise<ProcessIdentity | undefined> {
  const identity = await readIdentity(paths.pidFile);
  return identity && (await isRunning(identity, args)) ? identity : undefined;
}

async function terminate(identity: ProcessIdentity, args: readonly string[], clock: Clock): Promise<void> {
  const gone = async () => !(await isRunning(identity, args));
  signal(identity.pid, 'SIGTERM');
  if (await settled(clock, 10_000, gone)) return;
  signal(identity.pid, 'SIGKILL');
  if (!(await settled(clock, 10_000, gone))) throw new Error(`containerd (process ${identity.pid}) does not end`);
}

/** Writes the configuration; true when it differs from what was there. */
async function writeConfig(options: ContainerdOptions, paths: ContainerdPaths): Promise<boolean> {
  const [runc, crun] = await Promise.all([findProgram('runc'), findProgram('crun')]);
  const runtimes = { ...(runc && { runc }), ...(crun && { crun }) };
  const defaultRuntime = options.defaultRuntime ?? 'runc';
  if (!(defaultRuntime in runtimes)) throw new Error(`${defaultRuntime} is not installed`);
  const cniBinDir = options.cniBinDir ?? '/usr/lib/cni';
  const text = renderContainerdConfig({ paths, runtimes, defaultRuntime, pauseImage, cniBinDir });
  for (const dir of [paths.dir, paths.cniConfDir, paths.cniDataDir, paths.certsDir]) {
    await mkdir(dir, { recursive: true, mode: 0o711 });
  }
  if ((await readFile(paths.config, 'utf8').catch(() => '')) === text) return false;
  await writeFile(`${paths.config}.tmp`, text);
  await rename(`${paths.config}.tmp`, paths.config);
  return true;
}

/** The absolute path of an installed program. */
async function findProgram(name: string): Promise<string | undefined> {
  for (const dir of environment.PATH.split(':')) {
    const executable = access(`${dir}/${name}`, constants.X_OK);
    const found = await executable.then(
      () => true,
      () => false,
    );
    if (found) return `${dir}/${name}`;
  }
  return undefined;
}

/** An end is noticed at once; a slow machine, or one that has other work, gets this long. */
const startMs = 120_000;

/** The arguments are how a containerd of this folder is known: no other process has this path in this place. */
const argsOf = (paths: ContainerdPaths): string[] => ['-c', paths.config];

interface Launch {
  paths: ContainerdPaths;
  /** Runs the rest of its arguments. */
  launcher: readonly string[];
  program: string;
}

/** Starts containerd in a session of its own and waits until it has recorded itself. */
async function start({ paths, launcher, program }: Launch, { clock, log }: Deps): Promise<ProcessIdentity> {
  await rm(paths.pidFile, { force: true });
  const recorded = ['/bin/sh', '-c', recordAndExec, program, paths.pidFile, program, ...argsOf(paths)];
  const [command, ...args] = [...launcher, ...recorded] as [string, ...string[]];
  // Opened for appending, so that it may be emptied in place when it has grown.
  const output = await open(paths.log, 'a', 0o600);
  let failure: unknown;
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
    env: environment,
    cwd: '/',
  });
  child.on('error', (error) => {
    failure = error;
  });
  child.on('exit', (code, by) => {
    failure = new Error(`it ended with ${by ?? code}`);
    log.info({ pid: child.pid, code, signal: by }, 'containerd ended');
  });
  child.unref();
  await output.close();
  let identity: ProcessIdentity | undefined;
  await settled(clock, startMs, async () => {
    identity = await runningIdentity(paths, argsOf(paths));
    return identity !== undefined || failure !== undefined;
  });
  if (!identity) throw await startError(paths, `did not start: ${failure ?? 'no sign of it'}`);
  log.info({ pid: identity.pid, dir: paths.dir }, 'containerd started');
  return identity;
}

interface Started {
  paths: ContainerdPaths;
  identity: ProcessIdentity;
}

/** Resolves as soon as the CRI answers; what is tried again is the connection, at the gRPC channel's own pace. */
async function untilReady({ paths, identity }: Started, deps: Deps): Promise<void> {
  const deadline = deps.clock.now() + startMs;
  const cri = connectContainerd(paths.socket, deps);
  try {
    while (!(await answers(cri))) {
      if (!(await isRunning(identity, argsOf(paths)))) throw await startError(paths, 'ended at its start');
      if (deps.clock.now() > deadline) throw await startError(paths, 'does not answer');
      await sleep(deps.clock, 10);
    }
  } finally {
    cri.close();
  }
}

const answers = (cri: Cri): Promise<boolean> =>
  cri.runtime.Status({}).then(
    () => true,
    () => false,
  );

/** With the last lines of containerd's log, which say why. */
async function startError(paths: ContainerdPaths, what: string): Promise<Error> {
  const text = await readFile(paths.log, 'utf8').catch(() => '');
  return new Error(`containerd ${what}\n${text.trimEnd().split('\n').slice(-5).join('\n')}`);
}
