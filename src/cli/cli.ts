import { Command, CommanderError } from 'commander';
import { defaultClusterName } from '../cluster/layout.ts';
import { downCommand } from './down.ts';
import { imageCommand } from './image.ts';
import { kubectlCommand } from './kubectl.ts';
import { nodeCommand } from './node.ts';
import { serverCommand } from './server.ts';
import { statusCommand } from './status.ts';
import { CommandFailure, type Surroundings } from './surroundings.ts';
import { upCommand } from './up.ts';

/** Adds one command to the program and keeps its exit code. */
export type CommandFactory = (at: Surroundings, finish: (code: number) => void) => Command;

const commands: CommandFactory[] = [
  upCommand,
  downCommand,
  statusCommand,
  kubectlCommand,
  imageCommand,
  serverCommand,
  nodeCommand,
];

/** Runs one command line; resolves with the exit code. */
export async function runCli(args: string[], at: Surroundings): Promise<number> {
  let exitCode = 0;
  const program = new Command('knarr')
    .description('A Kubernetes-compatible cluster on this machine, with one command.')
    .version(at.version)
    .showHelpAfterError('(knarr --help shows the commands)')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ writeOut: (text) => at.stdout.write(text), writeErr: (text) => at.stderr.write(text) });
  for (const make of commands) program.addCommand(make(at, (code) => (exitCode = code)).exitOverride());
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (!(error instanceof CommandFailure)) throw error;
    at.stderr.write(`knarr: ${error.message}\n`);
    return error.exitCode;
  }
}

/** `--cluster NAME`, the same on every command. */
export const withCluster = (command: Command): Command =>
  command.option('--cluster <name>', 'which cluster of this machine', defaultClusterName);
