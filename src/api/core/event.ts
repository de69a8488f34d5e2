import type { Event, ObjectReference } from '../generated/types.ts';
import { columns, field, name, since } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';

function aboutText(about: ObjectReference | undefined): string {
  const kind = (about?.kind ?? '').toLowerCase();
  return about?.name ? `${kind}/${about.name}` : kind;
}

const first = (event: Readonly<Event>) => event.firstTimestamp || event.eventTime;
const last = (event: Readonly<Event>) =>
  event.series ? event.series.lastObservedTime : event.lastTimestamp || first(event);

export const event = defineStrategy<Event>({
  cells: columns<Event>({
    'Last Seen': (own, nowMs) => since(last(own), nowMs),
    Type: field('type'),
    Reason: field('reason'),
    Object: ({ involvedObject }) => aboutText(involvedObject),
    Subobject: ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    Source: ({ source, reportingComponent, reportingInstance }) =>
      [source?.component || reportingComponent || '', source?.host || reportingInstance]
        .filter((s, i) => i === 0 || s)
        .join(', '),
    Message: ({ message }) => (message ?? '').trim(),
    'First Seen': (own, nowMs) => since(first(own), nowMs),
    // An event of the newer API that happened once has no count.
    Count: ({ series, count }) => (series ? (series.count ?? 0) : count || 1),
    Name: name,
  }),
});
