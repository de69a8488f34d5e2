import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSecret } from '../../pki/files.ts';

/** Small files of one folder, each of which is there whole or not at all, whenever the machine stops. */
export interface RecordFiles {
  /** The texts of all, by name. */
  read(): Promise<Map<string, string>>;
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

export const isRecordName = (name: string): boolean => /^sha256-[0-9a-f]{64}$/.test(name);

export const recordFiles = (folder: string): RecordFiles => ({
  async read() {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const texts = new Map<string, string>();
    for (const name of names) if (isRecordName(name)) texts.set(name, await readFile(join(folder, name), 'utf8'));
    return texts;
  },
  write: (name, text) => writeSecret(join(folder, name), text),
  remove: (name) => rm(join(folder, name), { force: true }),
});
