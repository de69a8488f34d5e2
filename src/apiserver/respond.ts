import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { Status } from '../api/generated/types.ts';
import type { KubeObject } from '../api/resource.ts';
import { internalError, StatusError } from '../api/meta/status-error.ts';
import type { HttpRequest } from './body.ts';
import { byteLength, yamlOf } from './encode.ts';
import { protobufObject } from './encode-protobuf.ts';
import { TooManyRequests } from './flowcontrol/too-many-requests.ts';
import { errorFormat, mediaTypes } from './negotiate.ts';

export type HttpResponse = ServerResponse | Http2ServerResponse;

/** Only large answers are worth compressing (as upstream), and only for clients that are not on this machine. */
const gzipFrom = 128 * 1024;
const writeChunk = 512 * 1024;

const cacheControl = 'no-cache, private';

export interface Body {
  code: number;
  type: string;
  chunks: Buffer[];
  headers?: Record<string, string>;
}

/** Sends a body of known parts; large ones in pieces, each when the one before has been taken. */
export function send(request: HttpRequest, response: HttpResponse, answer: Body): Promise<void> {
  const { code, type, chunks } = answer;
  const size = byteLength(chunks);
  const isZipped = size > gzipFrom && acceptsGzip(request);
  if (isZipped || size > writeChunk) {
    const headers = { 'cache-control': cacheControl, 'content-type': type, ...answer.headers };
    return sendPieces(response, { code, chunks, headers, size, isZipped });
  }
  const headers = { 'cache-control': cacheControl, 'content-type': type, 'content-length': String(size) };
  write(response, code, answer.headers ? { ...headers, ...answer.headers } : headers);
  (response as ServerResponse).end(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size));
  return sent;
}

const sent = Promise.resolve();

async function sendPieces(
  response: HttpResponse,
  answer: { code: number; chunks: Buffer[]; headers: Record<string, string>; size: number; isZipped: boolean },
): Promise<void> {
  const { code, chunks, headers, size, isZipped } = answer;
  if (isZipped) {
    write(response, code, { ...headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    gzip.pipe(response as NodeJS.WritableStream);
    for (const piece of pieces(chunks)) await written(gzip, piece, response);
    gzip.end();
    return;
  }
  write(response, code, { ...headers, 'content-length': String(size) });
  for (const piece of pieces(chunks)) await written(response, piece, response);
  (response as ServerResponse).end();
}

/**
 * The chunks in pieces worth writing. Each is the same memory filled anew, so it must have been taken before the next is
 * asked for: a long list is never in memory a second time.
 */
function* pieces(chunks: readonly Buffer[]): Generator<Buffer> {
  const piece = Buffer.allocUnsafeSlow(writeChunk);
  let filled = 0;
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const copied = chunk.copy(piece, filled, from);
      from += copied;
      filled += copied;
      if (filled < writeChunk) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

export const sendJson = (request: HttpRequest, response: HttpResponse, code: number, body: unknown): Promise<void> =>
  send(request, response, { code, type: 'application/json', chunks: [Buffer.from(`${JSON.stringify(body)}\n`)] });

/** Answers with the error's Status; what is not a `StatusError` is the server's fault. */
export function sendError(request: HttpRequest, response: HttpResponse, error: unknown): Promise<void> {
  const { status } = error instanceof StatusError ? error : internalError(error);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return Promise.resolve();
  }
  if (status.code === 401) response.setHeader('www-authenticate', 'Bearer realm="knarr"');
  if (status.details?.retryAfterSeconds) response.setHeader('retry-after', String(status.details.retryAfterSeconds));
  return error instanceof TooManyRequests
    ? sendText(request, response, status.code ?? 429, `${status.message}\n`)
    : sendStatus(request, response, status);
}

export const sendText = (request: HttpRequest, response: HttpResponse, code: number, text: string): Promise<void> =>
  send(request, response, {
    code,
    type: 'text/plain; charset=utf-8',
    chunks: [Buffer.from(text)],
    headers: { 'x-content-type-options': 'nosniff' },
  });

/** In the format that the client takes for the object. */
async function sendStatus(request: HttpRequest, response: HttpResponse, status: Status): Promise<void> {
  const format = errorFormat(request.headers.accept);
  const code = status.code ?? 500;
  if (format === 'json') return sendJson(request, response, code, status);
  const chunk = format === 'yaml' ? await yamlOf(status) : protobufObject(status as unknown as KubeObject);
  return send(request, response, { code, type: mediaTypes[format], chunks: [chunk] });
}

/** HTTP/2 has no status text, and its compatibility API is typed apart: one place for the difference. */
export function write(response: HttpResponse, code: number, headers: Record<string, string>): void {
  (response as ServerResponse).writeHead(code, headers);
}

function acceptsGzip(request: HttpRequest): boolean {
  const encodings = String(request.headers['accept-encoding'] ?? '');
  const peer = request.socket.remoteAddress ?? '';
  const loopback = peer === '::1' || peer.startsWith('127.') || peer.startsWith('::ffff:127.');
  return encodings.includes('gzip') && !loopback;
}

/** Resolves when the stream has done with a piece, or the response has ended. */
const written = (stream: HttpResponse | Gzip, piece: Buffer, response: HttpResponse): Promise<void> =>
  new Promise((resolve) => {
    if (response.destroyed) return resolve();
    const done = () => {
      response.off('close', done);
      resolve();
    };
    response.on('close', done);
    (stream as ServerResponse).write(piece, done);
  });
