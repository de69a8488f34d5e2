import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSecret } from '../../pki/files.ts';
import type { ClaimReference, PreparedDevice } from './dra-api.ts';

/** A claim whose devices were made ready on this node, or are being made so. */
export interface ClaimRecord extends ClaimReference {
  /** The uids of the pods that use it here. */
  pods: string[];
  /** By driver; null: it was asked, and has not answered. */
  devices: Record<string, PreparedDevice[] | null>;
}

/** A file for each claim, written before a driver is asked: whoever comes later can undo it. */
export class ClaimRecords {
  readonly #folder: string;
  readonly #records = new Map<string, ClaimRecord>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what earlier agents have left. */
  async load(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      if (!name.endsWith('.json')) continue;
      const record = JSON.parse(await readFile(join(this.#folder, name), 'utf8')) as ClaimRecord;
      this.#records.set(record.uid, record);
    }
  }

  get(uid: string): ClaimRecord | undefined {
    return this.#records.get(uid);
  }

  /** Those that a pod uses. */
  of(podUid: string): ClaimRecord[] {
    return [...this.#records.values()].filter(({ pods }) => pods.includes(podUid));
  }

  async write(record: ClaimRecord): Promise<void> {
    await writeSecret(this.#path(record.uid), JSON.stringify(record));
    this.#records.set(record.uid, record);
  }

  async remove(uid: string): Promise<void> {
    await rm(this.#path(uid), { force: true });
    this.#records.delete(uid);
  }

  #path(uid: string): string {
    return join(this.#folder, `${uid}.json`);
  }
}
