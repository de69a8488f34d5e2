import { journalContract } from './journal.contract.ts';
import { MemoryJournal } from './memory-journal.ts';

let journal = new MemoryJournal();
let uses = 0;
// Each case opens twice: the second time it must find what the first left.
journalContract('memory', async () => {
  if (uses++ % 2 === 0) journal = new MemoryJournal();
  return journal;
});
