import { quoted } from '../api/meta/field-error.ts';
import { badRequest } from '../api/meta/status-error.ts';
import type { PatchType, WatchHandle } from '../client/client.ts';
import type { StoreEvent, Version } from '../store/version.ts';
import type { UserInfo } from './authn/user-info.ts';
import type { BodySource } from './body.ts';
import type { Endpoint } from './endpoint.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection' | 'connect';

/** One request for a resource, as the verbs see it: the same from a socket and from within the process. */
export interface ApiRequest {
  verb: Verb;
  endpoint: Endpoint;
  subresource: string;
  namespace: string;
  /** Empty for collections. */
  name: string;
  query: URLSearchParams;
  user: UserInfo;
  /** Parsed JSON or YAML. */
  body?: unknown;
  patchType?: PatchType;
  /** What the body's text said besides; absent for requests from within. */
  source?: BodySource | undefined;
  userAgent: string;
  /** A warning for the client. */
  warn(text: string): void;
  /** A remark for the audit log; absent: nobody listens. */
  annotate?: ((key: string, value: string) => void) | undefined;
}

/** What a request comes to. Encodings (JSON, Table, …) are the front's concern. */
export type Answer =
  | { type: 'version'; code: number; version: Version }
  | { type: 'object'; code: number; object: object }
  | { type: 'list'; revision: number; versions: Version[]; continueToken?: string; remaining?: number }
  | { type: 'watch'; start(sink: AnswerWatchSink): WatchHandle };

/** Events of one commit at a time. A bookmark tells how far the watch has come. */
export interface AnswerWatchSink {
  events(events: readonly StoreEvent[]): void;
  bookmark(revision: number, initialEventsEnd: boolean): void;
  end(error?: unknown): void;
}

/** A boolean query parameter: only its absence, `false` and `0` mean false (apimachinery's conversion). */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** A whole number of the query; absent or empty is undefined. Throws BadRequest in Go's words. */
export function queryNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^[+-]?\d+$/.test(value)) throw badRequest(`strconv.ParseInt: parsing ${quoted(value)}: invalid syntax`);
  const number = Number(value);
  if (Math.abs(number) > 2 ** 63) throw badRequest(`strconv.ParseInt: parsing ${quoted(value)}: value out of range`);
  return number;
}

export const storeKey = (request: { namespace: string; name: string }): string =>
  request.namespace ? `${request.namespace}/${request.name}` : request.name;

/** The kind of a write's options, as errors about them call it. */
export const optionsKind = (request: ApiRequest): string =>
  ({ create: 'CreateOptions', patch: 'PatchOptions', delete: 'DeleteOptions', deletecollection: 'DeleteOptions' })[
    request.verb as string
  ] ?? 'UpdateOptions';
