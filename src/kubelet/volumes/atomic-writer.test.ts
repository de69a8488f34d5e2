import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../../base/rng.ts';
import { type Payload, writeAtomically } from './atomic-writer.ts';

/** Through one look at `..data`, as a careful program does; on a thread of its own. What goes away meanwhile is looked at again. */
const reading = `
const { readFileSync, readlinkSync } = require('node:fs');
const { parentPort, receiveMessageOnPort, workerData: dir } = require('node:worker_threads');
const mixed = [];
let looks = 0;
const read = (data, name) => readFileSync(dir + '/' + data + '/' + name, 'utf8');
parentPort.postMessage('reads');
while (!receiveMessageOnPort(parentPort)) {
  try {
    const data = readlinkSync(dir + '/..data');
    const pair = [read(data, 'a'), read(data, 'b')];
    if (pair[0] !== pair[1]) mixed.push(pair.join(' '));
    looks++;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}
parentPort.postMessage({ looks, mixed });
parentPort.close();
`;

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
    writeAtomically(dir, files({ a: '1', 'sub/b': '2' }, 0o400), { rng });
    expect(await read('a')).toBe('1');
    expect(await read('sub/b')).toBe('2');
    expect(await readlink(join(dir, 'a'))).toBe('..data/a');
    expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o400);
  });

  it('turns everything at once and leaves nothing of the old', async () => {
    writeAtomically(dir, files({ a: '1', b: '1' }), { rng });
    const before = await readlink(join(dir, '..data'));
    expect(writeAtomically(dir, files({ a: '2', c: '2' }), { rng })).toBe(true);
    expect(await readlink(join(dir, '..data'))).not.toBe(before);
    expect((await readdir(dir)).filter((name) => !name.startsWith('..')).sort()).toEqual(['a', 'c']);
    expect(await readdir(dir)).not.toContain(before);
    expect(await read('a')).toBe('2');
  });

  it('writes nothing when nothing changed', async () => {
    writeAtomically(dir, files({ a: '1' }), { rng });
    const before = await readlink(join(dir, '..data'));
    expect(writeAtomically(dir, files({ a: '1' }), { rng })).toBe(false);
    expect(await readlink(join(dir, '..data'))).toBe(before);
  });

  it('a reader of two files never sees one old and one new', async () => {
    writeAtomically(dir, files({ a: '0', b: '0' }), { rng });
    const reader = new Worker(reading, { eval: true, workerData: dir });
    const [begun] = (await once(reader, 'message')) as [string];
    expect(begun).toBe('reads');
    for (let i = 1; i <= 300; i++) writeAtomically(dir, files({ a: `${i}`, b: `${i}` }), { rng });
    reader.postMessage('enough');
    const [{ looks, mixed }] = (await once(reader, 'message')) as [{ looks: number; mixed: string[] }];
    expect(mixed).toEqual([]);
    expect(looks).toBeGreaterThan(0);
  });

  it.each(['../x', '/x', 'a/../../x', '..data/x', ''])('refuses the path %s', (path) => {
    expect(() => writeAtomically(dir, files({ [path]: '' }), { rng })).toThrow('invalid path');
  });
});
