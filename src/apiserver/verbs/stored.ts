import type { StoreEvent, Version } from '../../store/version.ts';
import { selected } from '../../store/watchers.ts';
import type { Endpoint } from '../endpoint.ts';
import { asStored } from '../representation.ts';
import type { AnswerWatchSink } from '../request.ts';
import type { Selection } from './selection.ts';

/** A stored version as the endpoint serves it. */
export function served({ representation }: Endpoint, version: Version): Version | Promise<Version> {
  if (representation === asStored) return version;
  const views = representation.serve([version]);
  return views instanceof Promise ? views.then(only) : only(views);
}

const only = ([view]: Version[]): Version => view as Version;

/**
 * Hands events on as the endpoint serves their objects, in their order also where that takes time. Objects enter and leave
 * a selection of what is served as they do one of what is stored.
 */
export function servingSink(
  { representation }: Endpoint,
  sink: AnswerWatchSink,
  { matchesServed }: Pick<Selection, 'matchesServed'>,
): AnswerWatchSink {
  if (representation === asStored) return sink;
  let before: Promise<void> | undefined;
  /** At once as long as nothing is waited for. */
  const inOrder = (step: () => void | Promise<void>): void => {
    const pending = before ? before.then(step) : step();
    if (!(pending instanceof Promise)) return;
    const settled: Promise<void> = pending
      .catch((error: unknown) => sink.end(error))
      .then(() => {
        if (before === settled) before = undefined;
      });
    before = settled;
  };
  const emit = (events: readonly StoreEvent[], views: ReadonlyMap<Version, Version>): void => {
    const all = events.map((event) => viewed(event, views));
    const seen = matchesServed
      ? all.flatMap((event) => selected(arriving(event), { matches: matchesServed }) ?? [])
      : all;
    if (seen.length > 0) sink.events(seen);
  };
  return {
    events: (events) =>
      inOrder(() => {
        const versions = events.flatMap((event) => involved(event, matchesServed !== undefined));
        const served = representation.serve(versions);
        const viewsOf = (views: Version[]) => new Map(versions.map((version, i) => [version, views[i] as Version]));
        return served instanceof Promise
          ? served.then((views) => emit(events, viewsOf(views)))
          : emit(events, viewsOf(served));
      }),
    bookmark: (revision, initialEventsEnd) => inOrder(() => sink.bookmark(revision, initialEventsEnd)),
    end: (error) => inOrder(() => sink.end(error)),
  };
}

/** What has come into the selection of what is stored was not there before, whatever it was. */
const arriving = (event: StoreEvent): StoreEvent =>
  event.type === 'ADDED' && event.previous ? { ...event, previous: undefined } : event;

/** Whether it was in a selection before is asked of the object before; of one that comes, what it was is no matter. */
const involved = ({ type, version, previous }: StoreEvent, isSelective: boolean): Version[] =>
  isSelective && previous && type !== 'ADDED' ? [version, previous] : [version];

function viewed(event: StoreEvent, views: ReadonlyMap<Version, Version>): StoreEvent {
  const { version, previous } = event;
  const view = views.get(version) ?? version;
  const before = previous && views.get(previous);
  if (view === version && (!before || before === previous)) return event;
  // What was is there as it is served, or not at all: it must not be taken for the other.
  return { ...event, version: view, previous: before };
}
