import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { prerequisites } from '../../src/cluster/prerequisites.ts';
import { outputOf, runCommand } from '../../src/host/command.ts';

/** A bootable Debian 12 that nobody has used yet; guests write to overlays on it. */
export interface DebianDisk {
  /** As the installer leaves it: the packages that knarr needs are at hand, not installed. */
  stock: string;
  /** The same with these packages installed. */
  prepared: string;
  kernel: string;
  initrd: string;
}

const here = import.meta.dirname;
export const root = join(here, '../..');
export const cacheDir = join(root, '.cache/vm');

const tools = { debootstrap: 'debootstrap', 'qemu-system-x86_64': 'qemu-system-x86', 'qemu-img': 'qemu-utils' };

/** Installs what a guest needs on this machine. */
async function ensureTools(): Promise<void> {
  const missing: string[] = [];
  for (const [program, debianPackage] of Object.entries(tools)) {
    const found = await runCommand({ program: 'which', args: [program] });
    if (found.exitCode !== 0) missing.push(debianPackage);
  }
  if (missing.length === 0) return;
  const args = ['install', '-q', '-y', '--no-install-recommends', ...missing];
  await outputOf(runCommand, { program: 'apt-get', args });
}

/** The disk, built when there is none of the same ingredients: about three minutes, once. */
export async function debianDisk(): Promise<DebianDisk> {
  await ensureTools();
  const packages = [...new Set(prerequisites.map((p) => p.debianPackage))];
  const ingredients = [join(here, 'debian-root.sh'), join(here, 'agent.sh'), process.execPath];
  const hash = createHash('sha256').update(packages.join(' '));
  for (const file of ingredients) hash.update(await readFile(file));
  const dir = join(cacheDir, `debian-${hash.digest('hex').slice(0, 16)}`);
  const disk = {
    stock: join(dir, 'stock.ext4'),
    prepared: join(dir, 'prepared.ext4'),
    kernel: join(dir, 'kernel'),
    initrd: join(dir, 'initrd'),
  };
  const isThere = await access(dir).then(
    () => true,
    () => false,
  );
  if (isThere) return disk;
  console.log('building the Debian disk: about three minutes');
  const partial = `${dir}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const folder = join(partial, 'root');
  const [script, agent, node] = ingredients as [string, string, string];
  await alone('bash', script, folder, node, agent, ...packages);
  await makeFileSystem({ label: 'debian', folder, image: join(partial, 'stock.ext4'), size: '6G' });
  const install = ['apt-get', '-q', '-y', '--no-install-recommends', 'install', ...packages];
  await alone('env', 'DEBIAN_FRONTEND=noninteractive', 'chroot', folder, ...install);
  await makeFileSystem({ label: 'debian', folder, image: join(partial, 'prepared.ext4'), size: '6G' });
  await rm(folder, { recursive: true });
  await rename(partial, dir);
  await removeOlder(dir);
  return disk;
}

/** The cache keeps one disk: each takes a gigabyte and a half. */
async function removeOlder(current: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const path = join(cacheDir, name);
    if (name.startsWith('debian-') && path !== current) await rm(path, { recursive: true, force: true });
  }
}

/** Runs a program in mount and pid namespaces that end with it: nothing stays mounted or running. */
const alone = (...command: string[]): Promise<string> =>
  outputOf(runCommand, {
    program: 'timeout',
    args: ['900', 'unshare', '--mount', '--pid', '--fork', '--kill-child', ...command],
  });

export interface FileSystem {
  label: string;
  /** Its content. */
  folder: string;
  image: string;
  /** As mke2fs writes it: `6G`. The file is sparse. */
  size: string;
}

/** An ext4 image with what is in a folder; needs no mount. */
export async function makeFileSystem({ label, folder, image, size }: FileSystem): Promise<void> {
  await rm(image, { force: true });
  await outputOf(runCommand, { program: 'mke2fs', args: ['-q', '-t', 'ext4', '-L', label, '-d', folder, image, size] });
}
