import { spawn } from 'node:child_process';

/** A program to run on this machine; no shell is involved. */
export interface Command {
  program: string;
  args: readonly string[];
  /** Given on standard input. */
  input?: string;
  /** The folder it runs in; this process's own when there is none. */
  cwd?: string;
  /** Besides this process's own environment. */
  env?: Readonly<Record<string, string>>;
  /** It is killed after this long: exit code -1. */
  timeoutMs?: number;
}

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. Rejects when it cannot be started or when its output passes the limit. */
export type RunCommand = (command: Command) => Promise<CommandResult>;

/** The program ended with an exit code other than 0. */
export class CommandError extends Error {
  readonly command: Command;
  readonly result: CommandResult;

  constructor(command: Command, result: CommandResult) {
    super(
      `${command.program} ${command.args.join(' ')}: exit code ${result.exitCode}: ${result.stderr.slice(0, 2000).trim()}`,
    );
    this.name = 'CommandError';
    this.command = command;
    this.result = result;
  }
}

/** A program that says more than this is ended; `nft -j list` of 10,000 endpoints is about 2 MB. */
const maxOutputBytes = 256 * 1024 * 1024;

/** Runs programs in the namespaces of this process. */
export const runCommand: RunCommand = (command) =>
  new Promise((resolve, reject) => {
    const { program, args, cwd, env, timeoutMs } = command;
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd ? { cwd } : {}),
      ...(env ? { env: { ...process.env, ...env } } : {}),
      ...(timeoutMs ? { timeout: timeoutMs, killSignal: 'SIGKILL' } : {}),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxOutputBytes) child.kill('SIGKILL');
      else into.push(chunk);
    };
    child.stdout.on('data', collect(out));
    child.stderr.on('data', collect(err));
    // A program may end before it has read everything: its exit code tells, not the broken pipe.
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => {
      if (size > maxOutputBytes)
        return reject(new Error(`${command.program}: more than ${maxOutputBytes} bytes of output`));
      resolve({ exitCode: code ?? -1, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin.end(command.input ?? '');
  });

/** Runs programs in a named network namespace; only the network changes (`ip netns exec` would also remount /sys). */
export function runInNetworkNamespace(run: RunCommand, path: string): RunCommand {
  return (command) =>
    run({ ...command, program: 'nsenter', args: [`--net=${path}`, '--', command.program, ...command.args] });
}

/** Like `run`, but rejects with `CommandError` unless the exit code is 0; resolves with standard output. */
export async function outputOf(run: RunCommand, command: Command): Promise<string> {
  const result = await run(command);
  if (result.exitCode !== 0) throw new CommandError(command, result);
  return result.stdout;
}
