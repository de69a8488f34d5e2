import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Writable } from 'node:stream';
import type { Status } from '../api/generated/types.ts';
import { internalError, StatusError } from '../api/meta/status-error.ts';
import type { WatchHandle } from '../client/client.ts';
import type { ApiContext } from './context.ts';
import { EventEncoder, type SharedEvents } from './event-encoder.ts';
import { type Encoding, mediaTypes } from './negotiate.ts';
import type { Answer, ApiRequest } from './request.ts';
import { type HttpResponse, write } from './respond.ts';

/** A watcher that is this far behind is cut off; it resumes from the last version it saw. */
const maxBufferedBytes = 16 * 2 ** 20;

/** Streams a watch: one JSON document a line or one protobuf frame after the other, all events of a commit in one write. */
export function sendWatch(
  context: ApiContext,
  response: HttpResponse,
  watch: {
    request: ApiRequest;
    answer: Answer & { type: 'watch' };
    encoding: Encoding;
    shared: SharedEvents;
  },
): void {
  const { request, answer, encoding, shared } = watch;
  const encoder = new EventEncoder(context, request, { encoding, shared });
  const count = context.metrics.watchEvents(request);
  const out = response as ServerResponse;
  let handle: WatchHandle | undefined;
  let started = false;
  const begin = () => {
    if (started) return;
    started = true;
    write(response, 200, { 'content-type': contentType(encoding), 'cache-control': 'no-cache, private' });
    out.flushHeaders?.();
  };
  // With HTTP/2 the response only wraps its stream: what is written for thousands at a time goes to that.
  const stream: Writable = (response as Http2ServerResponse).stream ?? out;
  let isOver = false;
  const push = (bytes: Buffer) => {
    begin();
    if (isOver) return;
    if (!stream.write(bytes) && stream.writableLength > maxBufferedBytes) out.destroy();
  };
  response.on('close', () => {
    isOver = true;
    handle?.stop();
  });
  handle = answer.start({
    events: (events) => {
      if (events.length === 0) return;
      const bytes = encoder.encodeAll(events);
      count(events.length, bytes.length);
      push(bytes);
    },
    bookmark: (revision, initialEnd) => push(encoder.bookmark(revision, initialEnd)),
    end: (error) => {
      if (error) push(encoder.error(statusOf(error)));
      isOver = true;
      out.end();
    },
  });
  begin();
  if (out.destroyed) handle.stop();
}

/** JSON streams are told apart by nothing but their being streams (as upstream). */
const contentType = ({ format }: Encoding): string =>
  format === 'protobuf' ? `${mediaTypes.protobuf};stream=watch` : mediaTypes.json;

const statusOf = (error: unknown): Status => (error instanceof StatusError ? error : internalError(error)).status;
