import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePublic } from '../pki/files.ts';

/** The folder was written by a newer knarr: this one must not touch it. */
export class NewerFormatError extends Error {
  constructor(what: string, { format, known }: { format: number; known: number }) {
    super(
      `${what} was written by a newer knarr (format ${format}; this one knows up to ${known}): use that version, or a backup taken before the upgrade`,
    );
    this.name = 'NewerFormatError';
  }
}

/** Raised when the layout of a node's folder changes; older ones are converted by the agent, newer ones refused. */
export const nodeFormat = 1;

const formatFile = (dir: string): string => join(dir, 'format');

/** Throws `NewerFormatError` when the folder's format is not known; a folder without one is of the first. */
export async function checkFormat(dir: string, known: number): Promise<void> {
  const text = await readFile(formatFile(dir), 'utf8').catch(() => '1');
  const format = Number(text);
  if (!Number.isInteger(format) || format < 1) throw new Error(`${formatFile(dir)} holds no number`);
  if (format > known) throw new NewerFormatError(dir, { format, known });
}

/** Checks the folder and writes down the present format; makes the folder when it is not there. */
export async function ensureFormat(dir: string, known: number): Promise<void> {
  await checkFormat(dir, known);
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const present = await readFile(formatFile(dir), 'utf8').catch(() => '');
  if (present !== `${known}\n`) await writePublic(formatFile(dir), `${known}\n`);
}
