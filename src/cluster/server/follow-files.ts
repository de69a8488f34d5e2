import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';

/** Files are written in several steps, and several files together: they are read this long after the last of them. */
const settleMs = 200;

/**
 * Calls `changed` when one of the files was written, replaced, made or removed. Their folders are watched: editors and volumes put
 * a new file in a file's place. The result ends it.
 */
export function followFiles(
  { clock, log }: { clock: Clock; log: Logger },
  paths: readonly string[],
  changed: () => void,
): () => void {
  let cancel: () => void = () => {};
  const soon = () => {
    cancel();
    cancel = clock.after(settleMs, changed);
  };
  const folders = new Map<string, Set<string>>();
  for (const path of paths) folders.set(dirname(path), (folders.get(dirname(path)) ?? new Set()).add(basename(path)));
  const stops = [...folders].map(([folder, names]) => followFolder({ log, folder, names }, soon));
  return () => {
    cancel();
    for (const stop of stops) stop();
  };
}

function followFolder(
  { log, folder, names }: { log: Logger; folder: string; names: ReadonlySet<string> },
  changed: () => void,
): () => void {
  try {
    const watcher = watch(folder, (_event, name) => {
      // A volume's files are links into a folder that is exchanged as a whole.
      if (name === null || names.has(name) || name.startsWith('..')) changed();
    });
    watcher.on('error', (error) => log.warn({ folder, error: String(error) }, 'files are not followed any more'));
    return () => watcher.close();
  } catch (error) {
    log.warn({ folder, error: String(error) }, 'files are not followed');
    return () => {};
  }
}
