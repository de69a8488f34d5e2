import { MemorySharedJournal, SharedLog } from './memory-shared-journal.ts';
import { sharedJournalContract } from './shared-journal.contract.ts';
import { SharedStore } from './shared-store.ts';
import { storeContract } from './store.contract.ts';

const onFatal = (error: unknown) => {
  throw error;
};

sharedJournalContract('in memory', async () => {
  const log = new SharedLog();
  return () => new MemorySharedJournal(log);
});

storeContract('SharedStore in memory', () => SharedStore.open(new MemorySharedJournal(new SharedLog()), { onFatal }));
