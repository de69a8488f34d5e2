import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';

/** Raised when the layout of the state folder changes; older ones are converted on open, newer ones refused. */
export const stateFormat = 1;

/** The format of a state folder, also while a server has it open; `stateFormat` for one that is not there yet. */
export function readStateFormat(folder: string): number {
  if (!existsSync(join(folder, 'data.mdb'))) return stateFormat;
  const root = open({ path: folder, readOnly: true, encoding: 'binary', maxDbs: 4 });
  try {
    return root.openDB<number, string>({ name: 'meta', encoding: 'ordered-binary' })?.get('format') ?? stateFormat;
  } finally {
    void root.close();
  }
}
