import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../../base/rng.ts';
import { type Payload, writeAtomically } from './atomic-writer.ts';

describe('writeAtomically', () => {
  const rng = seededRng(1);
  let dir = '';
  const files = (map: Record<string, string>, mode = 0o644): Payload =>
    new Map(Object.entries(map).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));
  const read = (path: string) => readFile(join(dir, path), 'utf8');

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'atomic-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('shows files through ..data, with their modes', async () => {
    await writeAtomically(dir, files({ a: '1', 'sub/b': '2' }, 0o400), { rng });
    expect(await read('a')).toBe('1');
    expect(await read('sub/b')).toBe('2');
    expect(await readlink(join(dir, 'a'))).toBe('..data/a');
    expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o400);
  });

  it('turns everything at once and leaves nothing of the old', async () => {
    await writeAtomically(dir, files({ a: '1', b: '1' }), { rng });
    const before = await readlink(join(dir, '..data'));
    expect(await writeAtomically(dir, files({ a: '2', c: '2' }), { rng })).toBe(true);
    expect(await readlink(join(dir, '..data'))).not.toBe(before);
    expect((await readdir(dir)).filter((name) => !name.startsWith('..')).sort()).toEqual(['a', 'c']);
    expect(await readdir(dir)).not.toContain(before);
    expect(await read('a')).toBe('2');
  });

  it('writes nothing when nothing changed', async () => {
    await writeAtomically(dir, files({ a: '1' }), { rng });
    const before = await readlink(join(dir, '..data'));
    expect(await writeAtomically(dir, files({ a: '1' }), { rng })).toBe(false);
    expect(await readlink(join(dir, '..data'))).toBe(before);
  });

  it('a reader of two files never sees one old and one new', async () => {
    await writeAtomically(dir, files({ a: '0', b: '0' }), { rng });
    let isDone = false;
    let mixed = 0;
    const reader = async () => {
      while (!isDone) {
        // Through one look at ..data, as a careful program does.
        const data = await readlink(join(dir, '..data'));
        const pair = await Promise.all([read(join(data, 'a')), read(join(data, 'b'))]).catch(() => ['', '']);
        if (pair[0] !== pair[1]) mixed++;
      }
    };
    const reading = reader();
    for (let i = 1; i <= 30; i++) await writeAtomically(dir, files({ a: `${i}`, b: `${i}` }), { rng });
    isDone = true;
    await reading;
    expect(mixed).toBe(0);
  });

  it.each(['../x', '/x', 'a/../../x', '..data/x', ''])('refuses the path %s', async (path) => {
    await expect(writeAtomically(dir, files({ [path]: '' }), { rng })).rejects.toThrow('invalid path');
  });
});
