import { closeSync, fstatSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import { copyFile, rename, stat } from 'node:fs/promises';
import { type Clock, every } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';

/** A log that has grown beyond it is put aside as `FILE.1`, which replaces the one before: twice this is the most there is. */
export const maxLogBytes = 8 << 20;
const checkMs = 60_000;

/**
 * Keeps logs from growing without end, by copying and emptying them in place: whoever writes has opened its log for
 * appending and keeps that file for life (a supervisor, containerd), so nobody has to be told. What is written between the
 * last look and the emptying would be lost: these two are one turn of the event loop, with the bulk copied before.
 */
export function startLogRotation({ clock, log }: { clock: Clock; log: Logger }, files: readonly string[]): () => void {
  return every(clock, checkMs, () => {
    for (const file of files) {
      rotateIfLarge(file).catch((error: unknown) =>
        log.warn({ file, error: String(error) }, 'a log cannot be rotated'),
      );
    }
  });
}

/** True when the file was put aside. */
export async function rotateIfLarge(file: string, maxBytes = maxLogBytes): Promise<boolean> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size <= maxBytes) return false;
  const aside = `${file}.1`;
  await copyFile(file, `${aside}.partial`);
  appendRestAndEmpty(file, `${aside}.partial`);
  await rename(`${aside}.partial`, aside);
  return true;
}

/** Adds to the copy what was written since, and empties the file; nobody else of this process runs in between. */
function appendRestAndEmpty(file: string, copy: string): void {
  const [from, to] = [openSync(file, 'r'), openSync(copy, 'r+')];
  try {
    let at = fstatSync(to).size;
    const chunk = Buffer.allocUnsafe(65_536);
    for (let read = readSync(from, chunk, 0, chunk.length, at); read > 0; ) {
      writeSync(to, chunk, 0, read, at);
      at += read;
      read = readSync(from, chunk, 0, chunk.length, at);
    }
    truncateSync(file);
  } finally {
    closeSync(from);
    closeSync(to);
  }
}
