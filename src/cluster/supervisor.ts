import { spawn } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import {
  commandLine,
  isAlive,
  isRunning,
  readIdentity,
  recordAndExec,
  settled,
  signal,
} from '../host/recorded-process.ts';
import { type Build, buildLabel, parseBuildLabel } from './build.ts';
import { maxLogBytes } from './log-rotation.ts';

/** A program that is to run as long as the cluster does. */
export interface Service {
  /** `server`, `node-NAME`: names its pid and log files. */
  name: string;
  command: string[];
  /** Which build of knarr this is; one that runs with another is replaced. */
  build: Build;
  env?: Record<string, string>;
}

interface Place {
  runDir: string;
  logDir: string;
}

/**
 * Restarts the program that follows whenever it ends, at once the first time and then ever slower up to ten seconds; the
 * pace is forgotten after a minute of quiet. SIGTERM ends the program and then the loop; a program that has just been forked
 * could lose it, so it is told when it has recorded itself. A shell costs a megabyte where a
 * second Node process would cost forty. $0: which build this is. $1: file for the identity of the running program. $2: the
 * log; programs rotate it while they run, the loop does for one that never runs long enough.
 */
const loop = `
started=''; stopping=''
trap 'stopping=1; [ -n "$started" ] && kill -TERM "$started" 2>/dev/null' TERM INT
identity=$1; log=$2; shift 2; delay=0
while [ -z "$stopping" ]; do
  began=$(cut -d. -f1 /proc/uptime)
  [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -gt ${maxLogBytes} ] && cp "$log" "$log.1" && : >"$log"
  rm -f "$identity"
  sh -c '${recordAndExec.replaceAll("'", "'\\''")}' knarr-run "$identity" "$@" &
  child=$!
  while [ ! -s "$identity" ] && kill -0 "$child" 2>/dev/null; do sleep 0.02; done
  started=$child
  [ -n "$stopping" ] && kill -TERM "$child" 2>/dev/null
  wait "$child"; code=$?
  while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
  [ -n "$stopping" ] && break
  [ $(( $(cut -d. -f1 /proc/uptime) - began )) -ge 60 ] && delay=0
  echo "knarr: program ended with code $code; starting it again in $delay s" >&2
  sleep "$delay" & started=$!; wait "$started"; started=''
  delay=$(( delay == 0 ? 1 : delay * 2 > 10 ? 10 : delay * 2 ))
done`;

const pidFile = (place: Place, name: string): string => join(place.runDir, `${name}.supervisor.pid`);
const childFile = (place: Place, name: string): string => join(place.runDir, `${name}.pid`);

export const logFile = (place: Pick<Place, 'logDir'>, name: string): string => join(place.logDir, `${name}.log`);

const supervisorArgs = (place: Place, service: Service): string[] => [
  '-c',
  loop,
  buildLabel(service.build),
  childFile(place, service.name),
  logFile(place, service.name),
  ...service.command,
];

/** True while the service runs with exactly this command and build. */
export async function isServiceCurrent(place: Place, service: Service): Promise<boolean> {
  const present = await readIdentity(pidFile(place, service.name));
  return present !== undefined && (await isRunning(present, supervisorArgs(place, service)));
}

/** What became of a service: it ran already, was started, or took the place of another build. */
export type ServiceStart = { was: 'running' } | { was: 'stopped' } | { was: 'replaced'; build: Build | undefined };

/** Starts a service under supervision, detached from this process; does nothing when it runs with the same command. */
export async function startService(place: Place, service: Service, clock: Clock): Promise<ServiceStart> {
  await mkdir(place.runDir, { recursive: true, mode: 0o700 });
  await mkdir(place.logDir, { recursive: true, mode: 0o700 });
  if (await isServiceCurrent(place, service)) return { was: 'running' };
  const before = await serviceStatus(place, service.name);
  await stopService(place, service.name, clock);
  await launch(place, service, clock);
  return before.running ? { was: 'replaced', build: before.build } : { was: 'stopped' };
}

/** How long a supervisor may take to record itself: a shell, on a machine that is busy. */
const recordTimeoutMs = 10_000;

/** Resolves when the supervisor has recorded itself: until then nobody could stop it. */
async function launch(place: Place, service: Service, clock: Clock): Promise<void> {
  const args = supervisorArgs(place, service);
  const log = await open(logFile(place, service.name), 'a', 0o600);
  try {
    await rm(pidFile(place, service.name), { force: true });
    await rm(childFile(place, service.name), { force: true });
    const command = ['-c', recordAndExec, 'knarr-record', pidFile(place, service.name), '/bin/sh', ...args];
    const child = spawn('/bin/sh', command, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: process.env.PATH, HOME: '/root', KNARR_LOG_FILE: logFile(place, service.name), ...service.env },
      cwd: '/',
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', () => resolve());
      child.once('error', reject);
    });
    const isRecorded = () => isServiceCurrent(place, service);
    if (!(await settled(clock, recordTimeoutMs, isRecorded))) {
      child.kill('SIGKILL');
      throw new Error(`the supervisor of ${service.name} did not start (log: ${logFile(place, service.name)})`);
    }
    child.unref();
  } finally {
    await log.close();
  }
}

export interface ServiceStatus {
  running: boolean;
  pid?: number;
  /** What it was started as; absent when it does not run under supervision. */
  build?: Build;
}

/** Whether the program itself (not only its supervisor) runs. */
export async function serviceStatus(place: Place, name: string): Promise<ServiceStatus> {
  const identity = await readIdentity(childFile(place, name));
  if (!identity || !(await isAlive(identity))) return { running: false };
  const supervisor = await readIdentity(pidFile(place, name));
  const label = supervisor && (await isAlive(supervisor)) ? (await commandLine(supervisor.pid))[3] : undefined;
  return { running: true, pid: identity.pid, build: label === undefined ? undefined : parseBuildLabel(label) };
}

/** How long a program may take to end before it is killed. */
const stopTimeoutMs = 15_000;

/** Ends a service and its supervisor; does nothing when it does not run. */
export async function stopService(place: Place, name: string, clock: Clock): Promise<void> {
  const supervisor = await readIdentity(pidFile(place, name));
  const child = await readIdentity(childFile(place, name));
  if (supervisor && (await isAlive(supervisor))) {
    signal(supervisor.pid, 'SIGTERM');
    const ended = await settled(clock, stopTimeoutMs, async () => !(await isAlive(supervisor)));
    if (!ended) signal(supervisor.pid, 'SIGKILL');
  }
  if (child && (await isAlive(child))) signal(child.pid, 'SIGKILL');
  await rm(pidFile(place, name), { force: true });
  await rm(childFile(place, name), { force: true });
}
