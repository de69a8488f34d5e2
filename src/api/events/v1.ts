import { defineConversion } from '../conversion.ts';
import type { Event, EventsEvent } from '../generated/types.ts';

/** Events of events.k8s.io are core events with other names for a few members. */
export const eventsV1 = defineConversion<EventsEvent, Event>({
  toStored(event) {
    const { regarding, note, reportingController, deprecatedSource, ...shared } = event;
    const { deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...rest } = shared;
    return {
      ...rest,
      involvedObject: regarding ?? {},
      message: note,
      reportingComponent: reportingController ?? '',
      reportingInstance: rest.reportingInstance ?? '',
      source: deprecatedSource,
      firstTimestamp: deprecatedFirstTimestamp,
      lastTimestamp: deprecatedLastTimestamp,
      count: deprecatedCount,
    } as Event;
  },
  fromStored(event) {
    const { involvedObject, message, reportingComponent, source, firstTimestamp, lastTimestamp, count, ...rest } =
      event;
    return {
      ...rest,
      eventTime: rest.eventTime ?? null,
      regarding: involvedObject,
      note: message,
      reportingController: reportingComponent,
      deprecatedSource: source,
      deprecatedFirstTimestamp: firstTimestamp,
      deprecatedLastTimestamp: lastTimestamp,
      deprecatedCount: count,
    } as EventsEvent;
  },
});
