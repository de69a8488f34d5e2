import { LmdbJournal } from '../../store/lmdb/lmdb-journal.ts';
import { toBytes } from '../../store/version.ts';

/** Writes two objects with the same number in one append, over and over; says `writing` after the first ten. */
const [folder] = process.argv.slice(2);
const journal = new LmdbJournal(folder as string);
let { revision } = await journal.load();
for (let n = 1; ; n++) {
  const changes = ['one', 'other'].map((key) => {
    const bytes = toBytes(JSON.stringify({ n, filler: 'x'.repeat(2000) }));
    const version = {
      resource: 'pairs',
      key,
      revision: ++revision,
      uid: key,
      labels: undefined,
      fields: undefined,
      bytes,
    };
    return { version, deleted: false, previous: undefined };
  });
  await journal.append(changes, { compacted: 0, drop: [] });
  if (n === 10) process.stdout.write('writing\n');
}
