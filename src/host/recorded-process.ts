import { readdir, readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';

/** A process that outlives the one that started it, known again by what cannot be reused: pid, start time and arguments. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  startTime: string;
}

/**
 * A shell line that records its own identity in the file `$1` and then becomes the program in the other arguments, so that
 * there is no moment in which the program runs and is not recorded.
 */
export const recordAndExec =
  'read -r _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ start _ </proc/$$/stat && read -r boot </proc/sys/kernel/random/boot_id && echo "$$ $start $boot" >"$1" && shift && exec "$@"';

/** What was recorded since this machine has started: before that, the same numbers were somebody else. */
export async function readIdentity(pidFile: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  // Records of older versions have no boot.
  const match = /^(\d+) (\d+)(?: (\S+))?\n$/.exec(text);
  if (!match) return undefined;
  const [, pid, startTime, boot] = match;
  if (boot && boot !== (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()) return undefined;
  return { pid: Number(pid), startTime: startTime as string };
}

/** Field 22 of the text of /proc/PID/stat. The program's name in field 2 may hold spaces and parentheses. */
export function startTimeOf(stat: string): string | undefined {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** The same process as was recorded, whatever it runs now; false for a zombie and a reused number. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const stat = await readFile(`/proc/${identity.pid}/stat`, 'utf8').catch(() => '');
  return startTimeOf(stat) === identity.startTime && (await commandLine(identity.pid)).length > 0;
}

/** True while this very process runs with these arguments (its own name aside); false for a zombie and a reused number. */
export async function isRunning(identity: ProcessIdentity, args: readonly string[]): Promise<boolean> {
  const stat = await readFile(`/proc/${identity.pid}/stat`, 'utf8').catch(() => '');
  if (startTimeOf(stat) !== identity.startTime) return false;
  const [, ...actual] = await commandLine(identity.pid);
  return actual.length === args.length && actual.every((arg, i) => arg === args[i]);
}

/** The arguments of a process, empty when it is gone or a zombie. */
export async function commandLine(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** All processes whose arguments satisfy `wanted`. */
export async function findProcesses(
  wanted: (args: readonly string[]) => boolean,
): Promise<{ pid: number; args: string[] }[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(names.map(async (pid) => ({ pid: Number(pid), args: await commandLine(Number(pid)) })));
  return all.filter(({ args }) => args.length > 0 && wanted(args));
}

/** Sends a signal; a process that is already gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Asks every 10 ms, at most `timeoutMs`, whether `done`. Only for ends the kernel does not announce to us: the exit of a
 * process that is not our child, the emptying of a cgroup.
 */
export async function settled(clock: Clock, timeoutMs: number, done: () => Promise<boolean>): Promise<boolean> {
  const deadline = clock.now() + timeoutMs;
  while (!(await done())) {
    if (clock.now() >= deadline) return false;
    await sleep(clock, 10);
  }
  return true;
}
