import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { StatusError } from '../api/meta/status-error.ts';
import { splice } from '../streams/splice.ts';
import type { HttpRequest } from './body.ts';
import { type HeaderValues, passedOn } from './passed-headers.ts';
import { type HttpResponse, write } from './respond.ts';
import { type HostPort, unavailable } from './service-endpoint.ts';
import { upgradeHead } from './upgrade-head.ts';

/** A backend that does not even take the request is given up. */
const dialTimeoutMs = 30_000;

/** A server behind this one, and how it is known. */
export interface Backend extends HostPort {
  scheme: 'http' | 'https';
  tls: ConnectionOptions;
}

/** What is asked of a backend. */
export interface PassedRequest {
  /** With the query. */
  path: string;
  /** Besides those of the client. */
  headers?: HeaderValues;
  /** What redirects within the backend begin with, as the client sees them. */
  prefix?: string;
}

interface Exchange {
  request: HttpRequest;
  response: HttpResponse;
}

/** Passes a request on. Resolves when the answer is passed back, or either side has gone; rejects when nobody answers. */
export async function passOn(backend: Backend, asked: PassedRequest, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  const answer = await ask(backend, asked, exchange);
  const headers = passedOn(answer.headers);
  if (headers.location && asked.prefix) headers.location = locationBehind(String(headers.location), asked.prefix);
  write(response, answer.statusCode ?? 502, headers as Record<string, string>);
  // A watch may say nothing for long; that it stands is to be seen at once.
  (response as ServerResponse).flushHeaders();
  await new Promise<void>((resolve) => {
    // A backend that goes away in the middle must not look like the end of its answer.
    answer.on('error', () => response.destroy());
    answer.on('close', resolve);
    answer.pipe(response as NodeJS.WritableStream);
  });
}

/** WebSockets and other protocols: the two connections are joined. */
export async function passUpgrade(
  backend: Backend,
  asked: PassedRequest,
  { request, socket, head }: { request: HttpRequest; socket: TLSSocket; head: Buffer },
): Promise<void> {
  const behind = await dial(backend);
  behind.write(upgradeHead(request, { ...backend, ...asked }));
  if (head.length > 0) socket.unshift(head);
  splice(socket, behind);
}

function ask(backend: Backend, asked: PassedRequest, { request, response }: Exchange): Promise<IncomingMessage> {
  const { scheme, host, port, tls } = backend;
  const headers = { ...passedOn(request.headers), 'x-forwarded-uri': request.url ?? '', ...asked.headers };
  const at: RequestOptions = { host, port, path: asked.path, method: request.method, headers, timeout: dialTimeoutMs };
  return new Promise((resolve, reject) => {
    const take = (answer: IncomingMessage) => {
      outgoing.setTimeout(0);
      resolve(answer);
    };
    const outgoing: ClientRequest = scheme === 'https' ? httpsRequest({ ...at, ...tls }, take) : httpRequest(at, take);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)));
    outgoing.on('error', (error) => reject(unreachable(error)));
    response.on('close', () => outgoing.destroy());
    request.on('error', () => outgoing.destroy());
    request.pipe(outgoing);
  });
}

function dial({ scheme, host, port, tls }: Backend): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const take = () => {
      socket.setTimeout(0);
      socket.off('error', fail);
      socket.on('error', () => socket.destroy());
      resolve(socket);
    };
    const fail = (error: Error) => reject(unreachable(error));
    const at = { host, port, timeout: dialTimeoutMs };
    const socket: Socket = scheme === 'https' ? connectTls({ ...tls, ...at }, take) : connectPlain(at, take);
    socket.on('timeout', () => socket.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)));
    socket.on('error', fail);
  });
}

const unreachable = (error: Error): StatusError => unavailable(`error trying to reach service: ${error.message}`);

/** A redirect within the backend stays behind the proxy. */
export const locationBehind = (location: string, prefix: string): string =>
  location.startsWith('/') && !location.startsWith('//') ? `${prefix}${location}` : location;
