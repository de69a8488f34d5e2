import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { documented } from './options.ts';
import { CommandFailure, rootOf, type Surroundings } from './surroundings.ts';

/** `knarr test`: the tests of this checkout, in a process of their own, which reads the sources as they are. */
export function testCommand(at: Surroundings, finish: (code: number) => void): Command {
  const command = new Command('test')
    .description('install what tests need and run them all; needs root and a checkout')
    .option('--long', 'also what takes hours: guests, long campaigns, planted bugs', false)
    .action(async ({ long }: { long: boolean }) => {
      const root = rootOf(at);
      const script = join(root, 'scripts/test.ts');
      if (!existsSync(script)) throw new CommandFailure('the tests are in a checkout of knarr, not in its package');
      const args = ['--import', 'tsx', script, ...(long ? ['--long'] : [])];
      const child = spawn(process.execPath, args, { stdio: 'inherit', cwd: root });
      at.onStopSignal(() => child.kill('SIGTERM'));
      finish(await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1))));
    });
  return documented(command, { examples: ['./knarr test', './knarr test --long >log 2>&1'] });
}
