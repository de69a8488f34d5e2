import { PassThrough } from 'node:stream';
import { silentLog } from '../base/log.ts';
import { seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { Surroundings } from './surroundings.ts';

/** A world in which nothing happens; what was written is in `stdout` and `stderr`. */
export function testSurroundings(env: Record<string, string> = {}) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const at: Surroundings = {
    clock: new VirtualClock(),
    rng: seededRng(1),
    log: silentLog,
    run: async () => ({ exitCode: 0, stdout: '', stderr: '' }),
    version: '1.2.3',
    env,
    stdout: out,
    stderr: err,
    exit() {},
    onStopSignal() {},
  };
  return { at, stdout: () => String(out.read() ?? ''), stderr: () => String(err.read() ?? '') };
}
