import pino from 'pino';
import { realClock } from '../base/clock.ts';
import { machineRng } from '../base/rng.ts';
import { runCli } from '../cli/cli.ts';
import { runCommand } from '../host/command.ts';

declare const KNARR_VERSION: string;

/** Services keep a log; commands talk to a person, and only warnings belong between their lines. */
const isService = ['server', 'agent'].includes(process.argv[2] ?? '');
const level = process.env.KNARR_LOG ?? (isService ? 'info' : 'warn');
const log = pino({ level, base: undefined }, pino.destination({ fd: 2, sync: false }));

const exit = (code: number): void => log.flush(() => process.exit(code));

// Ends for good: a failed start leaves connections open, and whoever supervises it waits for the end.
const code = await runCli(process.argv.slice(2), {
  clock: realClock,
  rng: machineRng,
  log,
  run: runCommand,
  version: KNARR_VERSION,
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  exit,
  onStopSignal: (stop) => {
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  },
});
exit(code);
