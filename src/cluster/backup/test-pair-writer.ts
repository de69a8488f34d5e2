import { LmdbJournal } from '../../store/lmdb/lmdb-journal.ts';
import { toBytes } from '../../store/version.ts';

/** A program for another process that calls `writePairs`. */
export const pairWriterProgram = (folder: string): string =>
  `import { writePairs } from ${JSON.stringify(import.meta.filename)}; await writePairs(${JSON.stringify(folder)});`;

/**
 * Writes two objects with the same number in one append, over and over; says `writing` after the first ten.
 * @public called by the other process
 */
export async function writePairs(folder: string): Promise<never> {
  const journal = new LmdbJournal(folder);
  let { revision } = await journal.load();
  for (let n = 1; ; n++) {
    const changes = ['one', 'other'].map((key) => {
      revision += 1;
      const bytes = toBytes(JSON.stringify({ n, filler: 'x'.repeat(2000) }));
      const version = { resource: 'pairs', key, revision, uid: key, labels: undefined, fields: undefined, bytes };
      return { version, deleted: false, previous: undefined };
    });
    await journal.append(changes, { compacted: 0, drop: [] });
    if (n === 10) process.stdout.write('writing\n');
  }
}
