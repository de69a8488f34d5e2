import type { StoreEvent, Version } from '../../store/version.ts';
import type { Endpoint } from '../endpoint.ts';
import { asStored } from '../representation.ts';
import type { AnswerWatchSink } from '../request.ts';

/** A stored version as the endpoint serves it. */
export function served({ representation }: Endpoint, version: Version): Version | Promise<Version> {
  if (representation === asStored) return version;
  const views = representation.serve([version]);
  return views instanceof Promise ? views.then(only) : only(views);
}

const only = ([view]: Version[]): Version => view as Version;

/** Hands events on as the endpoint serves their objects, in their order also where that takes time. */
export function servingSink({ representation }: Endpoint, sink: AnswerWatchSink): AnswerWatchSink {
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
  const emit = (events: readonly StoreEvent[], versions: Version[]) =>
    sink.events(
      events.map((event, i) => {
        const version = versions[i] as Version;
        return version === event.version ? event : { ...event, version };
      }),
    );
  return {
    events: (events) =>
      inOrder(() => {
        const versions = representation.serve(events.map((event) => event.version));
        return versions instanceof Promise ? versions.then((known) => emit(events, known)) : emit(events, versions);
      }),
    bookmark: (revision, initialEventsEnd) => inOrder(() => sink.bookmark(revision, initialEventsEnd)),
    end: (error) => inOrder(() => sink.end(error)),
  };
}
