import { SharedParts } from '../api/meta/shared-parts.ts';
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
  const parts = new SharedParts();
  for (const { version: read, deleted } of log) {
    // Objects of one template have the same labels: a header a hundred thousand times takes room.
    const version = { ...read, labels: parts.share(read.labels), fields: parts.share(read.fields) };
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
