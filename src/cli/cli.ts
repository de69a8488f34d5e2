import { Command, CommanderError } from 'commander';
import { agentCommand } from './agent.ts';
import { backupCommand } from './backup.ts';
import { completeCommand, completionCommand } from './completion.ts';
import { downCommand } from './down.ts';
import { exitCodes } from './exit-codes.ts';
import { explain } from './explain.ts';
import { imageCommand } from './image.ts';
import { installCommand } from './install.ts';
import { joinCommand, leaveCommand } from './join.ts';
import { kubectlCommand } from './kubectl.ts';
import { bootCommand, haltCommand } from './machine-start-stop.ts';
import { nodeCommand } from './node.ts';
import { restoreCommand } from './restore.ts';
import { serverCommand } from './server.ts';
import { simulateGpusCommand } from './simulate-gpus.ts';
import { statusCommand } from './status.ts';
import type { Surroundings } from './surroundings.ts';
import { testCommand } from './test.ts';
import { testServerCommand } from './server-for-tests.ts';
import { tokenCommand } from './token.ts';
import { uninstallCommand } from './uninstall.ts';
import { upCommand } from './up.ts';
import { upgradeCommand } from './upgrade.ts';
import { versionCommand } from './version.ts';

/** Adds one command to the program and keeps its exit code. */
export type CommandFactory = (at: Surroundings, finish: (code: number) => void) => Command;

const commands: CommandFactory[] = [
  upCommand,
  upgradeCommand,
  downCommand,
  statusCommand,
  kubectlCommand,
  nodeCommand,
  tokenCommand,
  joinCommand,
  leaveCommand,
  imageCommand,
  simulateGpusCommand,
  backupCommand,
  restoreCommand,
  installCommand,
  uninstallCommand,
  serverCommand,
  agentCommand,
  testServerCommand,
  testCommand,
  completionCommand,
  versionCommand,
];

/** Those that systemd runs, not people. */
const hiddenCommands: CommandFactory[] = [bootCommand, haltCommand];

/** Runs one command line; resolves with the exit code. */
export async function runCli(args: string[], at: Surroundings): Promise<number> {
  let exitCode = 0;
  const program = createProgram(at, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const explained = explain(error);
    if (!explained) throw error;
    const [first, ...rest] = explained.lines;
    at.stderr.write([`knarr: ${first}`, ...rest.map((line) => `  ${line}`), ''].join('\n'));
    return explained.exitCode;
  }
}

/** All commands, ready to parse. */
export function createProgram(at: Surroundings, finish: (code: number) => void): Command {
  const program = new Command('knarr')
    .description('A Kubernetes-compatible cluster on this machine, with one command.')
    .version(at.version)
    .showHelpAfterError('(knarr --help shows the commands)')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ writeOut: (text) => at.stdout.write(text), writeErr: (text) => at.stderr.write(text) })
    .addHelpText('after', firstSteps);
  for (const make of commands) program.addCommand(inherit(program, make(at, finish)));
  for (const make of hiddenCommands) program.addCommand(inherit(program, make(at, finish)), { hidden: true });
  // Looks at all the others.
  program.addCommand(inherit(program, completeCommand(at, program)), { hidden: true });
  return program;
}

/** Commander hands settings on to what it makes itself only. */
function inherit(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent).showHelpAfterError('(--help shows what is understood)');
  for (const child of command.commands) inherit(parent, child);
  return command;
}

const firstSteps = `
A first session:
  $ ./knarr up                      a cluster, with a demo that answers
  $ ./knarr kubectl get pods -A     the real kubectl
  $ ./knarr status                  what runs, and how it is
  $ ./knarr down --purge            leaves nothing behind`;
