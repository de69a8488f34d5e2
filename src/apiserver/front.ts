import type { TLSSocket } from 'node:tls';
import { StatusError } from '../api/meta/status-error.ts';
import { hasProtobuf } from '../api/schema/protobuf-encode.ts';
import type { Authentication } from './authn/authentication.ts';
import type { Attributes } from './authz/attributes.ts';
import { headerLists } from './authn/authenticator.ts';
import { impersonate } from './authn/impersonation.ts';
import type { UserInfo } from './authn/user-info.ts';
import { type HttpRequest, parseBody, readBody } from './body.ts';
import { noSuchResource } from './built-in-endpoints.ts';
import type { ApiContext } from './context.ts';
import { encodeAnswer } from './encode.ts';
import type { Endpoint } from './endpoint.ts';
import type { SharedEvents } from './event-encoder.ts';
import { Inflight } from './flowcontrol/inflight.ts';
import type { Aggregator } from './aggregation/aggregator.ts';
import type { BackendProxy } from './backend-proxy.ts';
import { type Encoding, negotiate, type Offer } from './negotiate.ts';
import type { NodeConnector } from './node-connector.ts';
import { notFoundPage, type PlainPaths } from './plain-paths.ts';
import { attributesOf, authorize, handle, methodNotAllowed } from './pipeline.ts';
import { type Answer, type ApiRequest, flag, type Verb } from './request.ts';
import { type HttpResponse, send, sendError } from './respond.ts';
import { isStored } from './registry.ts';
import { parseResourcePath, type ResourcePath } from './router.ts';
import { sendWatch } from './watch-response.ts';

export interface FrontDeps {
  context: ApiContext;
  authentication: Authentication;
  plainPaths: PlainPaths;
  nodes: NodeConnector;
  proxy: BackendProxy;
  aggregator: Aggregator;
}

/** Subresources whose requests go on to a node or a backend. */
export const connecting: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'log', 'proxy']);

/** From an HTTP request to its answer: who, what, may he, do it, write it. */
export class Front {
  readonly #deps: FrontDeps;
  readonly #inflight = new Inflight();
  readonly #events: SharedEvents = { json: new WeakMap(), protobuf: new WeakMap() };

  constructor(deps: FrontDeps) {
    this.#deps = deps;
  }

  async serve(request: HttpRequest, response: HttpResponse): Promise<void> {
    try {
      await this.#serve(request, response);
    } catch (error) {
      if (!(error instanceof StatusError))
        this.#deps.context.log.error({ err: error, path: request.url }, 'request failed');
      await sendError(request, response, error);
    }
  }

  /** An HTTP/1.1 upgrade: exec, attach and port-forward. Throws like a handler; the caller writes the error. */
  async upgrade(request: HttpRequest, socket: TLSSocket, head: Buffer): Promise<void> {
    const { context, nodes, proxy, aggregator } = this.#deps;
    const user = await this.#user(request);
    const { path, query } = urlOf(request);
    const service = aggregator.find(path);
    if (service) {
      authorize(context, user, attributesOfPath(context, request));
      return aggregator.upgrade(service, user, { request, socket, head });
    }
    const at = parseResourcePath(context.registry, path);
    if (!at?.endpoint || !connecting.has(at.subresource)) throw noSuchResource();
    const apiRequest = this.#connectRequest(request, { at, query, user });
    authorize(context, user, attributesOf(apiRequest));
    if (at.subresource === 'proxy') return proxy.upgrade(apiRequest, { request, socket, head });
    await nodes.upgrade(apiRequest, at, { request, socket, head });
  }

  async #serve(request: HttpRequest, response: HttpResponse): Promise<void> {
    const { context, plainPaths, nodes, proxy, aggregator } = this.#deps;
    const { path, query } = urlOf(request);
    const user = await this.#user(request);
    const service = aggregator.find(path);
    if (service) {
      authorize(context, user, attributesOfPath(context, request));
      return aggregator.serve(service, user, { request, response });
    }
    const at = parseResourcePath(context.registry, path);
    if (!at) return plainPaths.serve(request, response, { path, user });
    if (!at.endpoint) return this.#unknown(request, response, { at, user });
    if (connecting.has(at.subresource) && at.endpoint.subresources.has(at.subresource)) {
      const apiRequest = this.#connectRequest(request, { at, query, user });
      authorize(context, user, attributesOf(apiRequest));
      if (at.subresource === 'proxy') return proxy.serve(apiRequest, { request, response });
      return nodes.serve(apiRequest, at, { request, response });
    }
    const verb = verbOf(request, at, query);
    const encoding = negotiate(request.headers.accept, offerOf(at.endpoint, at.subresource, verb));
    const release = verb === 'watch' ? () => {} : this.#inflight.enter(verb);
    try {
      await this.#resource(request, response, { at, query, user, verb, encoding });
    } finally {
      release();
    }
  }

  async #resource(
    request: HttpRequest,
    response: HttpResponse,
    ask: { at: ResourcePath; query: URLSearchParams; user: UserInfo; verb: Verb; encoding: Encoding },
  ): Promise<void> {
    const { context } = this.#deps;
    const { at, query, user, verb, encoding } = ask;
    const endpoint = at.endpoint as NonNullable<ResourcePath['endpoint']>;
    const warnings: string[] = [];
    const body = hasBody(request) ? await readBody(request) : Buffer.alloc(0);
    const parsed = await parseBody(request, body, endpoint);
    const apiRequest: ApiRequest = {
      verb,
      endpoint,
      user,
      query,
      subresource: at.subresource,
      namespace: at.namespace,
      name: at.name,
      body: parsed.value,
      patchType: parsed.patchType,
      duplicateFields: parsed.duplicates,
      userAgent: String(request.headers['user-agent'] ?? ''),
      warn: (text) => warnings.push(text),
    };
    if (verb !== 'get' && verb !== 'list' && verb !== 'watch') requireBody(apiRequest);
    const answer = await handle(context, apiRequest);
    if (warnings.length > 0) response.setHeader('warning', warnings.map(warningHeader));
    if (answer.type === 'watch')
      sendWatch(context, response, { request: apiRequest, answer, encoding, shared: this.#events });
    else await this.#sendAnswer(request, response, { apiRequest, answer, encoding });
  }

  async #sendAnswer(
    request: HttpRequest,
    response: HttpResponse,
    { apiRequest, answer, encoding }: { apiRequest: ApiRequest; answer: Answer; encoding: Encoding },
  ): Promise<void> {
    const { type, chunks } = await encodeAnswer(this.#deps.context, apiRequest, answer, encoding);
    return send(request, response, { code: 'code' in answer ? answer.code : 200, type, chunks });
  }

  /** What is not served is Forbidden before it is NotFound, so that names cannot be probed. */
  #unknown(
    request: HttpRequest,
    response: HttpResponse,
    { at, user }: { at: ResourcePath; user: UserInfo },
  ): Promise<void> {
    const { group, version, resource, subresource, namespace, name } = at;
    const { context } = this.#deps;
    const verb = verbOf(request, at, urlOf(request).query);
    authorize(context, user, { verb, group, version, resource, subresource, namespace, name });
    if (context.registry.isBuiltIn(group)) throw noSuchResource();
    return notFoundPage(request, response);
  }

  #connectRequest(
    request: HttpRequest,
    { at, query, user }: { at: ResourcePath; query: URLSearchParams; user: UserInfo },
  ): ApiRequest {
    const endpoint = at.endpoint as NonNullable<ResourcePath['endpoint']>;
    const declared = endpoint.subresources.get(at.subresource);
    if (!declared) throw endpoint.unknownSubresource(at.name);
    const verb = connectVerbs[request.method ?? ''];
    if (!verb || !declared.verbs.includes(verb)) throw methodNotAllowed();
    const { subresource, namespace, name } = at;
    return { verb, endpoint, user, query, subresource, namespace, name, userAgent: '', warn: () => {} };
  }

  async #user(request: HttpRequest): Promise<UserInfo> {
    const { authentication, context } = this.#deps;
    const socket = request.socket as TLSSocket;
    const headers = headerLists(request);
    const user = await authentication.authenticate({
      peerCertificate: socket.getPeerX509Certificate?.(),
      authorization: request.headers.authorization,
      headers,
    });
    if (!user) throw StatusError.of('Unauthorized', 'Unauthorized');
    return impersonate(user, headers, context.authorizer);
  }
}

/** Subresources that are objects of another kind, which has no printer columns. */
const withoutTable = new Set(['eviction', 'binding', 'token']);

const offerOf = (endpoint: Endpoint, subresource: string, verb: Verb): Offer => ({
  watch: verb === 'watch',
  table: !withoutTable.has(subresource),
  protobuf: hasProtobuf(endpoint.kind.type),
});

const connectVerbs: Record<string, Verb> = {
  GET: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

function urlOf(request: HttpRequest): { path: string; query: URLSearchParams } {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return mark < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

/** What a request asks permission for, by its path alone: another server knows what the resource is. */
function attributesOfPath({ registry }: ApiContext, request: HttpRequest): Attributes {
  const { path, query } = urlOf(request);
  const method = request.method ?? 'GET';
  const at = parseResourcePath(registry, path);
  if (!at) return { verb: method.toLowerCase(), path };
  const { group, version, resource, subresource, namespace, name } = at;
  return { verb: plainVerb(method, at, query), group, version, resource, subresource, namespace, name };
}

function plainVerb(method: string, { watch, name }: ResourcePath, query: URLSearchParams): string {
  const one = name !== '';
  if (method === 'DELETE') return one ? 'delete' : 'deletecollection';
  if (method !== 'GET' && method !== 'HEAD') return connectVerbs[method] ?? '';
  if (watch || (!one && flag(query, 'watch'))) return 'watch';
  return one ? 'get' : 'list';
}

function verbOf(request: HttpRequest, at: ResourcePath, query: URLSearchParams): Verb {
  const one = at.name !== '';
  switch (request.method) {
    case 'GET':
      if (at.watch || (!one && flag(query, 'watch'))) return 'watch';
      return one ? 'get' : 'list';
    case 'POST':
      if (one && !at.subresource) throw methodNotAllowed();
      if (at.endpoint?.kind.namespaced && !at.namespace && isStored(at.endpoint)) throw methodNotAllowed();
      return 'create';
    case 'PUT':
    case 'PATCH':
      if (!one) throw methodNotAllowed();
      return request.method === 'PUT' ? 'update' : 'patch';
    case 'DELETE':
      return one ? 'delete' : 'deletecollection';
    default:
      throw methodNotAllowed();
  }
}

const hasBody = (request: HttpRequest): boolean => request.method !== 'GET';

function requireBody(request: ApiRequest): void {
  if (request.body !== undefined || request.verb === 'delete' || request.verb === 'deletecollection') return;
  throw StatusError.of(
    'BadRequest',
    `the object provided is unrecognized (must be of type ${request.endpoint.kind.kind}): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
  );
}

/** RFC 7234 §5.5 with code 299, as Kubernetes sends it. */
const warningHeader = (text: string): string => `299 - ${JSON.stringify(text)}`;
