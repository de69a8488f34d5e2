import { internalError, StatusError } from '../api/meta/status-error.ts';
import type { KubeObject } from '../api/resource.ts';
import type { ApiCall, Transport } from '../client/transport.ts';
import type { WatchEvent, WatchHandle, WatchSink } from '../client/client.ts';
import { uuid } from '../base/rng.ts';
import type { StoreEvent, Version } from '../store/version.ts';
import type { UserInfo } from './authn/user-info.ts';
import { noSuchResource } from './built-in-endpoints.ts';
import type { ApiContext } from './context.ts';
import { checkedJsonCopy, jsonCopy } from './json-copy.ts';
import { attributesOf, handle } from './pipeline.ts';
import type { Answer, ApiRequest, Verb } from './request.ts';

export interface InProcessOptions {
  userAgent: string;
  /** Refuse what JSON would change: a write over HTTPS would say something else. For tests. */
  checkWrites?: boolean;
}

/**
 * A transport for a part of this process: its own identity through the same authorization, admission, validation and
 * ownership as any client; only socket and codec are missing. Objects that come back are the replica's own, frozen.
 */
export function inProcessTransport(context: ApiContext, user: UserInfo, options: InProcessOptions): Transport {
  const copyOf = options.checkWrites ? checkedJsonCopy : jsonCopy;
  const queryOf = lastQuery();
  const requestOf = (call: Omit<ApiCall, 'verb'>, verb: Verb): ApiRequest => {
    const { group, version, resource } = call.resource;
    const endpoint = context.registry.find(group, version, resource);
    if (!endpoint) throw noSuchResource();
    return {
      verb,
      endpoint,
      user,
      subresource: call.subresource ?? '',
      namespace: call.key.namespace ?? '',
      name: call.key.name ?? '',
      query: queryOf(call.query),
      // What the wire would carry. The writer keeps its object: what the server does to it must not show.
      body: call.body === undefined ? undefined : copyOf(call.body),
      patchType: call.patchType,
      userAgent: options.userAgent,
      warn: () => {},
    };
  };
  return {
    async call(call) {
      const request = requestOf(call, call.verb);
      const { clients } = context.metrics;
      const run = async () => resultOf(context, await handle(context, request));
      try {
        const result = await (context.audit ? audited(context, request, run) : run());
        clients.answered(call.verb, call.verb === 'create' ? 201 : 200);
        return result;
      } catch (error) {
        clients.answered(call.verb, error instanceof StatusError ? (error.status.code ?? 500) : 500);
        throw error;
      }
    },
    watch(call, sink) {
      return watchInProcess(context, () => requestOf(call, 'watch'), sink);
    },
  };
}

/** Most calls of a client have the same query, by identity: it is read once. Nobody changes what was read. */
function lastQuery(): (query: Record<string, string>) => URLSearchParams {
  let last: { query: Record<string, string>; read: URLSearchParams } | undefined;
  return (query) => {
    if (last?.query !== query) last = { query, read: new URLSearchParams(query) };
    return last.read;
  };
}

/** What is told of requests from within: the same as of others, with the path that they would have had. */
async function audited(context: ApiContext, request: ApiRequest, run: () => Promise<unknown>): Promise<unknown> {
  const entry = context.audit?.begin({
    auditId: uuid(context.rng),
    uri: uriOf(request),
    user: request.user,
    attributes: attributesOf(request),
    sourceIPs: ['::1'],
    userAgent: request.userAgent,
  });
  if (!entry) return run();
  request.annotate = (key, value) => entry.annotate(key, value);
  if (request.body !== undefined) entry.sent(request.body);
  try {
    const result = await run();
    entry.answered(() => result);
    entry.completed(request.verb === 'create' ? 201 : 200);
    return result;
  } catch (error) {
    const { status } = error instanceof StatusError ? error : internalError(error);
    entry.answered(() => status);
    entry.completed(status.code ?? 500);
    throw error;
  }
}

function uriOf({ endpoint, namespace, name, subresource, query }: ApiRequest): string {
  const { group, version, resource } = endpoint.kind;
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const within = namespace ? `/namespaces/${namespace}` : '';
  const path = [root + within, resource, name, subresource].filter((part) => part !== '').join('/');
  return query.size > 0 ? `${path}?${query}` : path;
}

function resultOf(context: ApiContext, answer: Answer): unknown {
  if (answer.type === 'version') return context.objects.read(answer.version);
  if (answer.type === 'object') return answer.object;
  if (answer.type === 'watch') throw StatusError.of('BadRequest', 'a watch was asked for as a call');
  const metadata = {
    resourceVersion: String(answer.revision),
    ...(answer.continueToken ? { continue: answer.continueToken } : {}),
    ...(answer.remaining ? { remainingItemCount: answer.remaining } : {}),
  };
  const items = objectsOf(context, answer.versions);
  return Array.isArray(items) ? { metadata, items } : items.then((all) => ({ metadata, items: all }));
}

/** At once where they are few; between the parts of many others have their turn. */
function objectsOf(context: ApiContext, versions: readonly Version[]): KubeObject[] | Promise<KubeObject[]> {
  const items: KubeObject[] = [];
  const pause = readSome(context, versions, items);
  if (!pause) return items;
  return (async () => {
    for (let next: Promise<void> | undefined = pause; next; next = readSome(context, versions, items)) await next;
    return items;
  })();
}

/** Reads on until the turn has become long; undefined: all are read. */
function readSome({ objects, clock }: ApiContext, versions: readonly Version[], into: KubeObject[]) {
  while (into.length < versions.length) {
    const pause = clock.giveWay?.();
    if (pause) return pause;
    into.push(objects.read(versions[into.length] as Version));
  }
  return undefined;
}

function watchInProcess(context: ApiContext, request: () => ApiRequest, sink: WatchSink): WatchHandle {
  let stopped = false;
  let handle_: WatchHandle | undefined;
  const stop = () => {
    stopped = true;
    handle_?.stop();
  };
  const toEvent = (event: StoreEvent): WatchEvent => ({
    type: event.type,
    object: context.objects.readEvent<KubeObject>(event),
    key: event.version.key,
  });
  const start = async () => {
    const answer = await handle(context, request());
    if (stopped || answer.type !== 'watch') return;
    handle_ = answer.start({
      events: (events) => !stopped && sink.events(events.map(toEvent)),
      bookmark: (revision) => !stopped && sink.events([bookmark(revision)]),
      end: (error) => !stopped && sink.end(error),
    });
    if (stopped) handle_.stop();
  };
  start().catch((error: unknown) => {
    if (!stopped) sink.end(error);
  });
  return { stop };
}

const bookmark = (revision: number): WatchEvent => ({
  type: 'BOOKMARK',
  object: { metadata: { name: '', resourceVersion: String(revision) } },
});
