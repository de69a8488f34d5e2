import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';

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

/**
 * Calls `configure` whenever one of the files has changed. A configuration that is wrong (`configure` throws or rejects) changes
 * nothing: it is logged, and counted as upstream counts it. The result ends it.
 */
export function followConfiguration(
  deps: { clock: Clock; log: Logger; metrics: Metrics },
  { what, stability }: { what: 'authentication' | 'authorization' | 'encryption'; stability: 'ALPHA' | 'BETA' },
  { paths, configure }: { paths: readonly string[]; configure(): Promise<void> },
): () => void {
  const { log, metrics } = deps;
  const reloads = metrics.counter(
    `apiserver_${what}_config_controller_automatic_reloads_total`,
    `[${stability}] Total number of automatic reloads of ${what} configuration split by status.`,
    ['status'],
  );
  return followFiles(deps, paths, async () => {
    try {
      await configure();
      reloads.add(['success']);
      log.info({}, `the ${what} configuration was read again`);
    } catch (error) {
      reloads.add(['failure']);
      const why = error instanceof Error ? error.message : String(error);
      log.error({ error: why }, `the ${what} configuration is wrong: the one before stays`);
    }
  });
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
