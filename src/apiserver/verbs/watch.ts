import { forbidden } from '../../api/meta/field-error.ts';
import { expired, invalid, StatusError } from '../../api/meta/status-error.ts';
import { every } from '../../base/clock.ts';
import { CompactedError } from '../../store/replica.ts';
import type { StoreEvent } from '../../store/version.ts';
import type { ApiContext } from '../context.ts';
import { type Answer, type AnswerWatchSink, type ApiRequest, flag, queryNumber } from '../request.ts';
import { checkListOptions } from './list.ts';
import { parseResourceVersion } from './request-body.ts';
import { type Selection, selectionOf } from './selection.ts';
import { servingSink } from './stored.ts';

/** How often a quiet watch is told how far it has come, so that it can resume from there. */
const bookmarkPeriodMs = 60_000;
/** Watches end after 30 to 60 minutes unless the client asks otherwise, so that they spread over servers again. */
const minTimeoutSeconds = 1800;
/** Of one server; each costs a few kilobytes. */
const maxWatches = 50_000;

/** GET with `watch=true`: what is there now (unless it resumes), then every event. */
export function watch(context: ApiContext, request: ApiRequest): Answer {
  const start = startOf(request);
  const selection = selectionOf(context, request);
  const bookmarks = flag(request.query, 'allowWatchBookmarks');
  const timeoutMs = timeoutSeconds(context, request) * 1000;
  const { longRunning } = context;
  if (longRunning.size >= maxWatches) throw tooManyWatches();
  return {
    type: 'watch',
    start(receiver) {
      const sink = servingSink(request.endpoint, receiver, selection);
      let stopped = false;
      const stopEvents = follow(context, request, { start, selection, sink });
      if (!stopEvents) {
        // Once a watch is accepted, whatever goes wrong is said in it.
        sink.end(expired(`too old resource version: ${start.after} (${context.store.compacted + 1})`));
        return { stop: () => {} };
      }
      let told = start.after ?? context.store.revision;
      const tell = (initialEventsEnd: boolean) => {
        const { revision } = context.store;
        if (!bookmarks || stopped || (revision === told && !initialEventsEnd)) return;
        // Who resumes from here has seen all of it.
        context.store.tellWatchers();
        told = revision;
        sink.bookmark(revision, initialEventsEnd);
      };
      if (start.tellInitialEnd) tell(true);
      const stopBookmarks = bookmarks ? every(context.clock, bookmarkPeriodMs, () => tell(false)) : () => {};
      const stop = () => {
        stopped = true;
        stopEvents();
        stopBookmarks();
        cancelTimeout();
        longRunning.delete(finish);
        lifetime?.removeEventListener('abort', finish);
      };
      const finish = () => {
        tell(false);
        stop();
        sink.end();
      };
      const { lifetime } = request.endpoint;
      longRunning.set(finish, request);
      lifetime?.addEventListener('abort', finish);
      const cancelTimeout = context.clock.after(timeoutMs, finish, { background: true });
      return { stop };
    },
  };
}

const tooManyWatches = () =>
  StatusError.of('TooManyRequests', `this server has ${maxWatches} watches`, { retryAfterSeconds: 1 });

interface Start {
  /** Events after this revision; undefined: the current state first. */
  after: number | undefined;
  tellInitialEnd: boolean;
}

function startOf(request: ApiRequest): Start {
  checkListOptions(request);
  const { query } = request;
  const text = query.get('resourceVersion') ?? '';
  const revision = text === '' ? 0 : parseResourceVersion(text);
  if (query.has('sendInitialEvents')) {
    checkInitialEvents(query);
    if (flag(query, 'sendInitialEvents')) return { after: undefined, tellInitialEnd: true };
    // Without the initial events an unset version means from now on.
    if (revision === 0) return { after: Number.NaN, tellInitialEnd: false };
  } else if (query.get('resourceVersionMatch')) {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
      forbidden(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      ),
    ]);
  }
  return { after: revision === 0 ? undefined : revision, tellInitialEnd: false };
}

/** KEP-3157: `sendInitialEvents` goes with `resourceVersionMatch=NotOlderThan`. */
function checkInitialEvents(query: URLSearchParams): void {
  if (query.get('resourceVersionMatch') === 'NotOlderThan') return;
  throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [
    forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
  ]);
}

/** Undefined: what has happened since then is not known any more. */
function follow(
  context: ApiContext,
  request: ApiRequest,
  { start, selection, sink }: { start: Start; selection: Selection; sink: AnswerWatchSink },
): (() => void) | undefined {
  const { store } = context;
  const { resource } = request.endpoint;
  const query = { resource, ...selection };
  if (start.after === undefined) {
    const page = store.list(resource, { ...selection, revision: store.revision });
    const added = page.versions.map((version): StoreEvent => ({ type: 'ADDED', version, previous: undefined }));
    if (added.length > 0) sink.events(added);
    return store.watch(query, page.revision, (events) => sink.events(events));
  }
  const after = Number.isNaN(start.after) ? store.revision : start.after;
  try {
    return store.watch(query, after, (events) => {
      // A watch may start at a revision that is still to come.
      const isAll = (events[0]?.version.revision ?? 0) > after;
      const seen = isAll ? events : events.filter(({ version }) => version.revision > after);
      if (seen.length > 0) sink.events(seen);
    });
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    return undefined;
  }
}

function timeoutSeconds(context: ApiContext, request: ApiRequest): number {
  const asked = queryNumber(request.query, 'timeoutSeconds') ?? 0;
  return asked > 0 ? asked : minTimeoutSeconds * (1 + context.rng.next());
}
