import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../host/command.ts';
import { readVolumeFile } from './volume-file.ts';

let dir = '';
let volume = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'volume-file-'));
  volume = join(dir, 'volume');
  await mkdir(join(volume, 'deep/er'), { recursive: true });
  await writeFile(join(volume, 'deep/file'), 'inside');
  await writeFile(join(dir, 'outside'), 'outside');
});
afterEach(() => rm(dir, { recursive: true }));

const read = (path: string) => readVolumeFile(volume, path);
const link = (target: string, path: string) => symlink(target, join(volume, path));

describe('a file in a volume', () => {
  it('is read, through links that stay inside', async () => {
    await link('../deep', 'deep/same');
    await link('deep/same/er/../file', 'link');
    await link('/deep/file', 'from-the-root');
    for (const path of ['deep/file', './deep//file', 'link', 'from-the-root']) expect(await read(path)).toBe('inside');
  });

  it('is none when it is not there', async () => {
    await link('nowhere', 'link');
    for (const path of ['no', 'no/file', 'deep/file/below', 'link']) expect(await read(path)).toBeUndefined();
  });

  it('is never outside, whatever links say', async () => {
    await link(join(dir, 'outside'), 'absolute');
    await link('../outside', 'relative');
    await link('../../../../../../../../etc', 'far');
    await link('/etc', 'near');
    for (const path of ['absolute', 'relative', '../outside', 'far/passwd', 'near/passwd'])
      expect(await read(path)).toBeUndefined();
  });

  it('is no pipe, no folder, no link to itself', async () => {
    await runCommand({ program: 'mkfifo', args: [join(volume, 'pipe')] });
    await link('loop', 'loop');
    await expect(read('pipe')).rejects.toThrow('it is not a file');
    await expect(read('deep')).rejects.toThrow('it is not a file');
    await expect(read('loop')).rejects.toThrow('too many symbolic links');
  });

  it('is not long', async () => {
    await writeFile(join(volume, 'long'), Buffer.alloc(64 * 1024, 'a'));
    expect(await read('long')).toHaveLength(64 * 1024);
    await writeFile(join(volume, 'long'), Buffer.alloc(64 * 1024 + 1, 'a'));
    await expect(read('long')).rejects.toThrow('longer than 65536 bytes');
  });

  it('leaves nothing open', async () => {
    const before = (await readdir('/proc/self/fd')).length;
    await link('loop', 'loop');
    for (const path of ['deep/file', 'deep/../no', 'loop']) await read(path).catch(() => undefined);
    expect((await readdir('/proc/self/fd')).length).toBe(before);
  });
});
