import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { journalContract } from '../journal.contract.ts';
import { LmdbJournal } from './lmdb-journal.ts';

const folders: string[] = [];
let folder = '';
let uses = 0;
afterAll(() => {
  for (const dir of folders) rmSync(dir, { recursive: true, force: true });
});

// Each case opens twice: the second time it must find what the first left.
journalContract('lmdb', async () => {
  if (uses++ % 2 === 0) {
    folder = mkdtempSync(join(tmpdir(), 'knarr-journal-'));
    folders.push(folder);
  }
  return new LmdbJournal(folder);
});
