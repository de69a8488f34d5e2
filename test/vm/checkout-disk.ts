import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { outputOf, runCommand } from '../../src/host/command.ts';
import { makeFileSystem, root } from './debian-disk.ts';

/** What a clone has after `npm ci` and the first build. */
const parts = ['knarr', 'package.json', 'package-lock.json', '.npmrc', 'tsconfig.json', 'README.md'].concat([
  'src',
  'scripts',
  'facts',
  'test',
  'node_modules',
  'dist',
]);

/** A disk with this checkout, as it is now, built. `dist` is another build of it: a mutant. */
export async function checkoutDisk(dir: string, { dist = join(root, 'dist') } = {}): Promise<string> {
  // Builds what is not built yet.
  await outputOf(runCommand, { program: join(root, 'knarr'), args: ['--version'] });
  const staging = join(dir, 'checkout');
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  for (const part of parts) {
    const source = part === 'dist' ? dist : join(root, part);
    const isThere = await access(source).then(
      () => true,
      () => false,
    );
    // Hard links: nothing is written to them, and they take no time.
    if (isThere) await outputOf(runCommand, { program: 'cp', args: ['-al', source, join(staging, part)] });
  }
  const image = join(dir, 'checkout.ext4');
  await makeFileSystem({ label: 'knarr', folder: staging, image, size: '2G' });
  await rm(staging, { recursive: true });
  return image;
}
