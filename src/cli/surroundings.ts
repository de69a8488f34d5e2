import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { RunCommand } from '../host/command.ts';

/** What a command has of the world; `bin/` hands in the real one. */
export interface Surroundings {
  clock: Clock;
  rng: Rng;
  log: Logger;
  run: RunCommand;
  version: string;
  env: Readonly<Record<string, string | undefined>>;
  stdout: NodeJS.WritableStream & { isTTY?: boolean };
  stderr: NodeJS.WritableStream;
  /** Ends the process at once. */
  exit(code: number): void;
  /** Calls `stop` once when the process is asked to end. */
  onStopSignal(stop: () => void): void;
}

/** A command ends with this code and says why; anything else that is thrown is a fault of ours. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(message: string, options: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Folder of all clusters of this machine. */
export const homeOf = ({ env }: Surroundings): string => env.KNARR_HOME ?? '/var/lib/knarr';
/** Folder of the checkout or package. */
export const rootOf = ({ env }: Surroundings): string => env.KNARR_ROOT ?? process.cwd();
