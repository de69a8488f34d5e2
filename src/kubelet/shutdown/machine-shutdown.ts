import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Logger } from '../../base/log.ts';

/** Starts the program that holds the machine up and tells of its going down; stdout is what it says. */
export type StartWatch = () => ChildProcessByStdio<null, Readable, null>;

/**
 * systemd lets programs delay a shutdown while they have something to end: the lock is held as long as this runs, and what it
 * runs prints logind's signals (systemd-inhibit(1), org.freedesktop.login1(5)).
 */
export const watchLogind: StartWatch = () =>
  spawn(
    'systemd-inhibit',
    [
      ...['--what=shutdown', '--mode=delay', '--who=knarr', '--why=pods are ended first'],
      ...['dbus-monitor', '--system'],
      "type='signal',interface='org.freedesktop.login1.Manager',member='PrepareForShutdown'",
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );

export interface ShutdownSink {
  /** The machine goes down when this resolves. */
  begin(): Promise<void>;
  cancel(): void;
}

/** Tells when the machine goes down, and lets it go when the sink is ready. Without systemd nothing is told. */
export function onMachineShutdown(deps: { log: Logger; start?: StartWatch }, sink: ShutdownSink): { stop(): void } {
  const { log, start = watchLogind } = deps;
  const watch = start();
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    watch.kill();
  };
  watch.on('error', (error) => log.warn({ error: String(error) }, 'shutdowns of the machine are not seen'));
  watch.on('exit', () => {
    if (!isStopped) log.warn({}, 'shutdowns of the machine are not seen any more');
  });
  watch.stdout.setEncoding('utf8');
  watch.stdout.on('data', (text: string) => {
    if (/boolean true/.test(text)) {
      // The lock goes with the process that holds it.
      sink.begin().then(stop, stop);
    } else if (/boolean false/.test(text)) sink.cancel();
  });
  return { stop };
}
