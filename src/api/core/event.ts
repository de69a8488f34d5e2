import type { Event, EventSource, EventsEvent, ObjectReference } from '../generated/types.ts';
import { columns, field, name, since } from '../meta/columns.ts';
import type { KubeObject } from '../resource.ts';
import { defineStrategy } from '../strategy.ts';

/** What the two APIs of events (core and events.k8s.io) call differently. */
interface EventView {
  about?: ObjectReference;
  message?: string;
  source?: EventSource;
  reporter?: string;
  reporterInstance?: string;
  first?: string;
  last?: string;
  count?: number;
}

const coreView = (event: Event): EventView => ({
  about: event.involvedObject,
  message: event.message,
  source: event.source,
  reporter: event.reportingComponent,
  reporterInstance: event.reportingInstance,
  first: event.firstTimestamp,
  last: event.lastTimestamp,
  count: event.count,
});

const eventsView = (event: EventsEvent): EventView => ({
  about: event.regarding,
  message: event.note,
  source: event.deprecatedSource,
  reporter: event.reportingController,
  reporterInstance: event.reportingInstance,
  first: event.deprecatedFirstTimestamp,
  last: event.deprecatedLastTimestamp,
  count: event.deprecatedCount,
});

function aboutText(about: ObjectReference | undefined): string {
  const kind = (about?.kind ?? '').toLowerCase();
  return about?.name ? `${kind}/${about.name}` : kind;
}

type AnyEvent = KubeObject & Pick<Event, 'eventTime' | 'series'>;

const eventCells = <T extends AnyEvent>(viewOf: (event: Readonly<T>) => EventView) => {
  const first = (event: Readonly<T>) => viewOf(event).first || event.eventTime;
  const last = (event: Readonly<T>) =>
    event.series ? event.series.lastObservedTime : viewOf(event).last || first(event);
  return columns<T>({
    'Last Seen': (event, nowMs) => since(last(event), nowMs),
    Type: field('type'),
    Reason: field('reason'),
    Object: (event) => aboutText(viewOf(event).about),
    Subobject: (event) => viewOf(event).about?.fieldPath ?? '',
    Source: (event) => {
      const { source, reporter, reporterInstance } = viewOf(event);
      return [source?.component || reporter || '', source?.host || reporterInstance]
        .filter((s, i) => i === 0 || s)
        .join(', ');
    },
    Message: (event) => (viewOf(event).message ?? '').trim(),
    'First Seen': (event, nowMs) => since(first(event), nowMs),
    // An event of the newer API that happened once has no count.
    Count: (event) => (event.series ? (event.series.count ?? 0) : viewOf(event).count || 1),
    Name: name,
  });
};

export const event = defineStrategy<Event>({ cells: eventCells(coreView) });

/** The same objects, as events.k8s.io shows them. */
export const eventsEvent = defineStrategy<EventsEvent>({ cells: eventCells(eventsView) });
