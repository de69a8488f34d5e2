import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import { buildOf } from '../cluster/build.ts';
import { findCluster, listClusters } from '../cluster/cluster-identity.ts';
import type { ClusterLayout } from '../cluster/layout.ts';
import type { Program } from '../cluster/services.ts';
import { Steps } from '../cluster/steps.ts';
import type { RunCommand } from '../host/command.ts';
import { type ExitReason, exitCodes } from './exit-codes.ts';
import type { OutputFormat } from './options.ts';

/** What a command has of the world; `bin/` hands in the real one. */
export interface Surroundings {
  clock: Clock;
  rng: Rng;
  log: Logger;
  run: RunCommand;
  version: string;
  env: Readonly<Record<string, string | undefined>>;
  stdout: NodeJS.WritableStream & { isTTY?: boolean };
  stderr: NodeJS.WritableStream & { isTTY?: boolean };
  /** Ends the process at once. */
  exit(code: number): void;
  /** Calls `stop` once when the process is asked to end. */
  onStopSignal(stop: () => void): void;
}

/** A command ends with this code and says why; anything else that is thrown is a fault of ours. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, options: { reason?: ExitReason; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = exitCodes[options.reason ?? 'failed'];
  }
}

/** Folder of all clusters of this machine. */
export const homeOf = ({ env }: Surroundings): string => env.KNARR_HOME ?? '/var/lib/knarr';
/** Folder of the checkout or package. */
export const rootOf = ({ env }: Surroundings): string => env.KNARR_ROOT ?? process.cwd();

/** What services run: this very program. */
export async function programOf(at: Surroundings): Promise<Program> {
  const root = rootOf(at);
  const file = `${root}/dist/knarr.js`;
  return { command: [process.execPath, file], build: await buildOf(file, at.version), root };
}

/** The cluster of this name; a failure that says how to make one when there is none. */
export async function existingCluster(at: Surroundings, name: string): Promise<ClusterLayout> {
  const layout = await findCluster(homeOf(at), name).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES') requireRoot();
    throw error;
  });
  if (layout) return layout;
  const others = (await listClusters(homeOf(at))).map((cluster) => cluster.name);
  const known = others.length > 0 ? ` (there are: ${others.join(', ')})` : '';
  const message = `there is no cluster "${name}" on this machine${known}; ./knarr up --cluster ${name} makes one`;
  throw new CommandFailure(message, { reason: 'noCluster' });
}

export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new CommandFailure('this needs root: sudo ./knarr …');
}

/** Progress goes where the result does not. */
export const stepsFor = (at: Surroundings, output: OutputFormat): Steps =>
  new Steps(at.clock, output === 'json' ? at.stderr : at.stdout);

export const printJson = (at: Surroundings, value: unknown): void => {
  at.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
};
