import type { Journal } from './journal.ts';
import { LocalStore } from './local-store.ts';
import type { SharedJournal } from './shared-journal.ts';
import { SharedStore } from './shared-store.ts';
import type { Store, StoreOptions } from './store.ts';

/** The store that goes with a journal: of one server, or of several. */
export const openStore = (journal: Journal | SharedJournal, options: StoreOptions): Promise<Store> =>
  'propose' in journal ? SharedStore.open(journal, options) : LocalStore.open(journal, options);
