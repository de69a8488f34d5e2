import type { Change, Loaded } from './journal.ts';
import type { StoreEvent, Version } from './version.ts';

/**
 * Rebuilds the state from a log in order of revision. The log holds every current version, every event after
 * `compacted`, and the versions that those events replaced.
 */
export function replay(log: Iterable<Change>, compacted: number): Loaded {
  const current = new Map<string, Version>();
  const events: StoreEvent[] = [];
  // A revision that is no longer in the log was dropped at a compaction, so it is not newer than that.
  let revision = compacted;
  for (const { version, deleted } of log) {
    const id = `${version.resource} ${version.key}`;
    const previous = current.get(id);
    if (deleted) current.delete(id);
    else current.set(id, version);
    if (version.revision > compacted) {
      events.push({ type: deleted ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED', version, previous });
    }
    revision = Math.max(revision, version.revision);
  }
  return { revision, compacted, current: [...current.values()], events };
}
