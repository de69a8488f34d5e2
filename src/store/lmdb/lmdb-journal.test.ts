import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { journalContract } from '../journal.contract.ts';
import { LmdbJournal } from './lmdb-journal.ts';

const folders: string[] = [];
let folder = '';
let uses = 0;
afterAll(() => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});

const change = (revision: number, text: string) => ({
  version: {
    resource: 'pods',
    key: `ns/${revision}`,
    revision,
    uid: 'u',
    labels: undefined,
    fields: undefined,
    bytes: Buffer.from(text),
  },
  deleted: false,
  previous: undefined,
});
const newFolder = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'knarr-journal-'));
  folders.push(dir);
  return dir;
};
const trim = { compacted: 0, drop: [] };

it('fills its pages with records of which two go into one', async () => {
  const dir = newFolder();
  const journal = new LmdbJournal(dir);
  for (let i = 0; i < 400; i += 20) {
    const group = Array.from({ length: 20 }, (_, j) => change(i + j + 1, 'x'.repeat(1700)));
    await journal.append(group, trim);
  }
  await journal.close();
  expect(statSync(join(dir, 'data.mdb')).size).toBeLessThan(400 * 1800 * 1.4);
});

it('refuses a revision that comes after a newer one', async () => {
  const journal = new LmdbJournal(newFolder());
  await journal.append([change(2, 'b')], trim);
  await expect(journal.append([change(1, 'a')], trim)).rejects.toThrow('a revision came after a newer one');
  await journal.close();
});

// Each case opens twice: the second time it must find what the first left.
journalContract('lmdb', async () => {
  if (uses++ % 2 === 0) {
    folder = mkdtempSync(join(tmpdir(), 'knarr-journal-'));
    folders.push(folder);
  }
  return new LmdbJournal(folder);
});
