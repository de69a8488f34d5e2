import { realClock } from '../base/clock.ts';
import { seededRng } from '../base/rng.ts';
import { commands, criContract, execCommand } from './cri.contract.ts';
import type { ContainerBehavior } from './fake.ts';
import { FakeCri } from './fake.ts';

const image = 'knarr.local/busybox:1';

/** What the contract's commands do, as a script. */
const scripts = new Map<readonly string[], ContainerBehavior>([
  [commands.obedient, { onTerm: { afterMs: 5, code: 0 } }],
  [commands.stubborn, { onTerm: 'ignore' }],
  [commands.succeed, { exit: { afterMs: 5 } }],
  [commands.fail, { exit: { afterMs: 5, code: 3 } }],
  [commands.greedy, { exit: { afterMs: 5, oom: true } }],
  [commands.missing, { startError: 'no such file or directory' }],
]);

const same = (a: readonly string[], b: readonly string[]) => a.join('\0') === b.join('\0');

function behavior({ command = [] }: { command?: string[] }): ContainerBehavior {
  const script = [...scripts].find(([known]) => same(known, command))?.[1] ?? {};
  return { usage: { milliCpu: 10, memoryBytes: 1 << 20 }, exec, ...script };
}

function exec(command: readonly string[]) {
  if (same(command, execCommand)) return { exitCode: 7, stdout: 'out\n', stderr: 'err\n' };
  return { exitCode: 0, afterMs: command[0] === 'sleep' ? 100_000 : 0 };
}

criContract('Cri: the fake', async () => {
  const images = [{ ref: image, present: true }];
  const cri = new FakeCri({ clock: realClock, rng: seededRng(1) }, { behavior, images });
  return {
    cri,
    image,
    missingImage: 'knarr.local/none:1',
    logDirectory: '/logs',
    cgroupParent: '',
    stop: async () => cri.close(),
  };
});
