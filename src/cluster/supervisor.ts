import { spawn } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { isAlive, isRunning, readIdentity, recordAndExec, settled, signal } from '../host/recorded-process.ts';

/** A program that is to run as long as the cluster does. */
export interface Service {
  /** `server`, `node-NAME`: names its pid and log files. */
  name: string;
  command: string[];
  env?: Record<string, string>;
}

interface Place {
  runDir: string;
  logDir: string;
}

/**
 * Restarts the program that follows whenever it ends, at once the first time and then ever slower up to ten seconds; the
 * pace is forgotten after a minute of quiet. SIGTERM ends the program and then the loop. A shell costs a megabyte where a
 * second Node process would cost forty. $1: file for the identity of the running program.
 */
const loop = `
child=''; stopping=''
trap 'stopping=1; [ -n "$child" ] && kill -TERM "$child" 2>/dev/null' TERM INT
identity=$1; shift; delay=0
while [ -z "$stopping" ]; do
  began=$(cut -d. -f1 /proc/uptime)
  sh -c '${recordAndExec.replaceAll("'", "'\\''")}' knarr-run "$identity" "$@" &
  child=$!
  wait "$child"; code=$?
  while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
  [ -n "$stopping" ] && break
  [ $(( $(cut -d. -f1 /proc/uptime) - began )) -ge 60 ] && delay=0
  echo "knarr: program ended with code $code; starting it again in $delay s" >&2
  sleep "$delay" & child=$!; wait "$child"; child=''
  delay=$(( delay == 0 ? 1 : delay * 2 > 10 ? 10 : delay * 2 ))
done`;

const pidFile = (place: Place, name: string): string => join(place.runDir, `${name}.supervisor.pid`);
const childFile = (place: Place, name: string): string => join(place.runDir, `${name}.pid`);

const supervisorArgs = (place: Place, service: Service): string[] => [
  '-c',
  loop,
  'knarr-supervise',
  childFile(place, service.name),
  ...service.command,
];

/** Starts a service under supervision, detached from this process; does nothing when it runs with the same command. */
export async function startService(place: Place, service: Service, clock: Clock): Promise<{ started: boolean }> {
  await mkdir(place.runDir, { recursive: true, mode: 0o700 });
  await mkdir(place.logDir, { recursive: true, mode: 0o700 });
  const args = supervisorArgs(place, service);
  const present = await readIdentity(pidFile(place, service.name));
  if (present && (await isRunning(present, args))) return { started: false };
  await stopService(place, service.name, clock);
  const log = await open(join(place.logDir, `${service.name}.log`), 'a', 0o600);
  try {
    await rm(pidFile(place, service.name), { force: true });
    await rm(childFile(place, service.name), { force: true });
    const command = ['-c', recordAndExec, 'knarr-record', pidFile(place, service.name), '/bin/sh', ...args];
    const child = spawn('/bin/sh', command, {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: process.env.PATH, HOME: '/root', ...service.env },
      cwd: '/',
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', () => resolve());
      child.once('error', reject);
    });
    child.unref();
  } finally {
    await log.close();
  }
  return { started: true };
}

export interface ServiceStatus {
  running: boolean;
  pid?: number;
}

/** Whether the program itself (not only its supervisor) runs. */
export async function serviceStatus(place: Place, name: string): Promise<ServiceStatus> {
  const identity = await readIdentity(childFile(place, name));
  const running = identity !== undefined && (await isAlive(identity));
  return running ? { running, pid: identity.pid } : { running };
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
