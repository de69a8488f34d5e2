import { eventsV1 } from '../events/v1.ts';
import type { Event, EventsEvent } from '../generated/types.ts';
import { qualifiedName } from '../meta/name-format.ts';
import { type FieldError, immutable, invalidValue, keyFormatted, required } from './check.ts';

const longest = 128;
const longestMessage = 1024;

const tooLongText = (path: string, value: string, most: number): FieldError[] =>
  value.length > most ? [invalidValue(path, '', `can have at most ${most} characters`)] : [];

const needed = (path: string, value: string): FieldError[] => [
  ...(value ? [] : [required(path)]),
  ...tooLongText(path, value, longest),
];

/** Both kinds of events are checked as the older one. */
export function validateEvent(event: Event): FieldError[] {
  const { metadata, involvedObject, eventTime } = event;
  const about = involvedObject.namespace ?? '';
  const { namespace } = metadata;
  const mismatch = [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')];
  if (!eventTime) return (about ? about === namespace : namespace === 'default') ? [] : mismatch;
  const elsewhere = about === '' && namespace !== 'default' && namespace !== 'kube-system';
  const controller = event.reportingComponent ?? '';
  return [
    ...(elsewhere ? mismatch : []),
    ...(controller ? [] : [required('reportingController')]),
    ...keyFormatted('reportingController', controller, qualifiedName),
    ...needed('reportingInstance', event.reportingInstance ?? ''),
    ...needed('action', event.action ?? ''),
    ...needed('reason', event.reason ?? ''),
    ...tooLongText('message', event.message ?? '', longestMessage),
  ];
}

/** An event of events.k8s.io by the names of the older kind. */
const asCore = (event: EventsEvent): Event => eventsV1.toStored(event) as Event;

function series({ series: repeated }: EventsEvent): FieldError[] {
  if (!repeated) return [];
  const errors = (repeated.count ?? 0) < 2 ? [invalidValue('series.count', '', 'should be at least 2')] : [];
  return repeated.lastObservedTime ? errors : [...errors, required('series.lastObservedTime')];
}

export const validateNewEvent = (event: EventsEvent): FieldError[] => validateEvent(asCore(event));

/** What only new events must have. */
export function validateNewEventCreate(event: EventsEvent): FieldError[] {
  const { source, firstTimestamp, lastTimestamp, count } = asCore(event);
  const unset = (path: string, isSet: unknown) => (isSet ? [invalidValue(path, '', 'needs to be unset')] : []);
  const { type = '' } = event;
  return [
    ...series(event),
    ...(event.eventTime ? [] : [required('eventTime')]),
    ...(type === 'Normal' || type === 'Warning' ? [] : [invalidValue('type', '', `has invalid value: ${type}`)]),
    ...unset('firstTimestamp', firstTimestamp),
    ...unset('lastTimestamp', lastTimestamp),
    ...unset('count', count),
    ...unset('source', source?.component || source?.host),
  ];
}

const fixed = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const;

/** Of an event only its series goes on. */
export function validateNewEventUpdate(event: EventsEvent, old: Readonly<EventsEvent>): FieldError[] {
  const [now, before] = [asCore(event), asCore(old)];
  const shown = (member: string) => (member === 'reportingComponent' ? 'reportingController' : member);
  return [
    ...(immutable('', event.series, old.series).length > 0 ? series(event) : []),
    ...fixed.flatMap((member) => immutable(shown(member), now[member], before[member])),
  ];
}
