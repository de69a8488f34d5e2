import type { StoreEvent } from './version.ts';

/** The recent events of one resource, in order: what a watch resumes from and what older lists are undone with. */
class ResourceEvents {
  readonly events: StoreEvent[] = [];
  /** Index of the oldest event that is still there. */
  first = 0;
  /** Every event after this revision is here. */
  since = 0;

  /** Index of the first event after `revision`. */
  after(revision: number): number {
    let low = this.first;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.events[middle] as StoreEvent).version.revision > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Weight of an event without its bytes. */
const overheadBytes = 400;
const weight = (event: StoreEvent): number => event.version.bytes.length + overheadBytes;

/** Recent events of all resources, bounded by bytes together; the oldest go first, whatever their resource. */
export class EventRing {
  readonly #resources = new Map<string, ResourceEvents>();
  readonly #maxBytes: number;
  #bytes = 0;
  /** Order of arrival over all resources, for eviction. */
  readonly #order: string[] = [];
  #orderFirst = 0;
  /** Every event after this revision, of any resource, is still here. */
  compacted: number;

  constructor(options: { maxBytes: number; compacted: number }) {
    this.#maxBytes = options.maxBytes;
    this.compacted = options.compacted;
  }

  push(event: StoreEvent): void {
    this.#of(event.version.resource).events.push(event);
    this.#order.push(event.version.resource);
    this.#bytes += weight(event);
  }

  /** Drops the oldest events until the rest fits; returns the revisions that no reader can ask for any more. */
  trim(): number[] {
    const dropped: number[] = [];
    while (this.#bytes > this.#maxBytes && this.#orderFirst < this.#order.length) {
      const resource = this.#of(this.#order[this.#orderFirst++] as string);
      const event = resource.events[resource.first] as StoreEvent;
      resource.events[resource.first++] = undefined as unknown as StoreEvent;
      resource.since = event.version.revision;
      this.compacted = event.version.revision;
      this.#bytes -= weight(event);
      if (event.previous) dropped.push(event.previous.revision);
      if (event.type === 'DELETED') dropped.push(event.version.revision);
      if (resource.first > 1024 && resource.first * 2 > resource.events.length) {
        resource.events.splice(0, resource.first);
        resource.first = 0;
      }
    }
    if (this.#orderFirst > 4096 && this.#orderFirst * 2 > this.#order.length) {
      this.#order.splice(0, this.#orderFirst);
      this.#orderFirst = 0;
    }
    return dropped;
  }

  /** Events of a resource after `revision`, oldest first; undefined when some of them are gone. */
  after(resource: string, revision: number): StoreEvent[] | undefined {
    const events = this.#of(resource);
    if (revision < events.since) return undefined;
    return events.events.slice(events.after(revision));
  }

  #of(resource: string): ResourceEvents {
    let events = this.#resources.get(resource);
    if (!events) {
      events = new ResourceEvents();
      events.since = this.compacted;
      this.#resources.set(resource, events);
    }
    return events;
  }
}
