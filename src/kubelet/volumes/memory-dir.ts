import { chmod, mkdir } from 'node:fs/promises';
import { outputOf, type RunCommand } from '../../host/command.ts';
import { isMountPoint } from './mount-point.ts';

/**
 * One tmpfs for everything that mirrors API objects: a mount for each volume would cost each pod a process or two. Stays
 * when the agent ends (containers use it); whoever deletes the node's folder unmounts it first.
 */
export async function mountMemoryDir(dir: string, run: RunCommand): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  if (await isMountPoint(dir)) return;
  await outputOf(run, { program: 'mount', args: ['-t', 'tmpfs', '-o', 'mode=0750', 'tmpfs', dir] });
  await chmod(dir, 0o750);
}
