import { SharedParts } from '../api/meta/shared-parts.ts';
import type { Change, Loaded } from './journal.ts';
import type { StoreEvent, Version } from './version.ts';

/**
 * Rebuilds the state from a log in order of revision. The log holds every current version, every event after
 * `compacted`, and the versions that those events replaced.
 */
export function replay(log: Iterable<Change>, compacted: number): Loaded {
  const resources = new Map<string, Map<string, Version>>();
  const events: StoreEvent[] = [];
  // A revision that is no longer in the log was dropped at a compaction, so it is not newer than that.
  let revision = compacted;
  const parts = new SharedParts();
  for (const { version: read, deleted } of log) {
    // Objects of one template have the same labels: a header a hundred thousand times takes room.
    const version = { ...read, labels: parts.share(read.labels), fields: parts.share(read.fields) };
    const current = resources.get(version.resource) ?? new Map<string, Version>();
    resources.set(version.resource, current);
    const previous = current.get(version.key);
    if (deleted) current.delete(version.key);
    else current.set(version.key, version);
    if (version.revision > compacted) {
      events.push({ type: deleted ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED', version, previous });
    }
    revision = Math.max(revision, version.revision);
  }
  const current = [...resources.values()].flatMap((versions) => [...versions.values()]);
  return { revision, compacted, current, events };
}
