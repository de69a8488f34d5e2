import type { TLSSocket } from 'node:tls';
import { internalError, StatusError } from '../api/meta/status-error.ts';
import { type Rng, seededRng, uuid } from '../base/rng.ts';
import { TurnGate } from '../base/turn-gate.ts';
import { hasProtobuf } from '../api/schema/protobuf-encode.ts';
import type { Authentication } from './authn/authentication.ts';
import type { AuditEntry } from './audit/auditor.ts';
import { auditedRequest, shownAnswer, told } from './audit/http.ts';
import { type HeaderLists, headerLists } from './authn/authenticator.ts';
import { Impersonation } from './authn/impersonation.ts';
import { Peers } from './authn/peers.ts';
import type { UserInfo } from './authn/user-info.ts';
import type { Attributes } from './authz/attributes.ts';
import { type HttpRequest, type ParsedBody, parseBody, readBody } from './body.ts';
import { noSuchResource } from './built-in-endpoints.ts';
import type { ApiContext } from './context.ts';
import { allowConnection } from './connection.ts';
import { encodeAnswer } from './encode.ts';
import type { Endpoint } from './endpoint.ts';
import { EncodedEvents, type SharedEvents } from './event-encoder.ts';
import type { Aggregator } from './aggregation/aggregator.ts';
import type { FlowControl } from './flowcontrol/flow-control.ts';
import { takeSeat } from './flowcontrol/take-seat.ts';
import type { BackendProxy } from './backend-proxy.ts';
import { type Encoding, Negotiator, type Offer } from './negotiate.ts';
import type { NodeConnector } from './node-connector.ts';
import { notFoundPage, type PlainPaths } from './plain-paths.ts';
import { attributesOf, authorize, handle, methodNotAllowed } from './pipeline.ts';
import {
  attributesOfPath,
  connectVerbs,
  narrowedAttributes,
  proxiedVerbs,
  type Url,
  urlOf,
} from './path-attributes.ts';
import { type Answer, type ApiRequest, flag, type Verb } from './request.ts';
import { type HttpResponse, send, sendError } from './respond.ts';
import { isStored } from './registry.ts';
import { parseResourcePath, type ResourcePath } from './router.ts';
import { warningHeaders } from './warning-headers.ts';
import { sendWatch } from './watch-response.ts';

export interface FrontDeps {
  context: ApiContext;
  authentication: Authentication;
  flowControl: FlowControl;
  plainPaths: PlainPaths;
  nodes: NodeConnector;
  proxy: BackendProxy;
  aggregator: Aggregator;
}

/** Who asks, and for what. */
interface Caller {
  url: Url;
  /** Nobody until authentication is over. */
  user: UserInfo;
  entry: AuditEntry | undefined;
  /** Counts the request when it has been answered. */
  answered?: (code: number, nowMs: number) => void;
}

/** Longer ones are cut, as upstream does. */
const maxAuditId = 64;

const nobody: UserInfo = { name: '', groups: [] };

/** Subresources whose requests go on to a node or a backend. */
export const connecting: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'log', 'proxy']);

/** From an HTTP request to its answer: who, what, may he, do it, write it. */
export class Front {
  readonly #deps: FrontDeps;
  readonly #impersonation: Impersonation;
  readonly #peers = new Peers();
  readonly #negotiator = new Negotiator();
  readonly #gate = new TurnGate();
  #ids: Rng | undefined;
  readonly #events: SharedEvents = { json: new EncodedEvents(), protobuf: new EncodedEvents() };

  constructor(deps: FrontDeps) {
    this.#deps = deps;
    const { authorizer, clock, metrics } = deps.context;
    this.#impersonation = new Impersonation({ authorizer, clock, metrics: metrics.impersonation });
  }

  async serve(request: HttpRequest, response: HttpResponse): Promise<void> {
    // Those that many clients send at a time take a third less so.
    await this.#gate.pass();
    if (isGone(request)) return;
    const auditId = this.#auditId(request);
    response.setHeader('audit-id', auditId);
    const caller: Caller = { url: urlOf(request), user: nobody, entry: undefined };
    try {
      const identifying = this.#identify(request, caller, { auditId, response });
      if (identifying) await identifying;
      await this.#serve(request, response, caller);
    } catch (error) {
      if (!(error instanceof StatusError))
        this.#deps.context.log.error({ err: error, path: request.url }, 'request failed');
      const { status } = error instanceof StatusError ? error : internalError(error);
      caller.entry?.answered(() => status);
      await sendError(request, response, error);
    }
    caller.answered?.(response.statusCode, this.#deps.context.clock.now());
  }

  /** Clients may give a request an id of their own. Others get one by a chance that nothing else depends on. */
  #auditId(request: HttpRequest): string {
    this.#ids ??= seededRng(Math.floor(this.#deps.context.rng.next() * 2 ** 32));
    return String(request.headers['audit-id'] ?? '').slice(0, maxAuditId) || uuid(this.#ids);
  }

  /** Who asks, and in whose name. From here on the request is audited. */
  #identify(
    request: HttpRequest,
    caller: Caller,
    exchange: { auditId: string; response?: HttpResponse },
  ): void | Promise<void> {
    const { clock } = this.#deps.context;
    const beganMs = clock.now();
    const headers = headerLists(request);
    const peerCertificate = this.#peers.certificateOf(request);
    const sender = this.#deps.authentication.authenticate({
      peerCertificate,
      bearer: this.#peers.bearerOf(request),
      headers,
      path: caller.url.path,
    });
    const { auditId, response } = exchange;
    const identified = (user: UserInfo | undefined) => {
      const { access } = this.#deps.context.metrics;
      access.authenticated(user, (clock.now() - beganMs) / 1000);
      if (peerCertificate) access.certificate(peerCertificate, beganMs);
      return this.#identified(request, caller, { auditId, response, user, headers });
    };
    return sender instanceof Promise ? sender.then(identified) : identified(sender);
  }

  #identified(
    request: HttpRequest,
    caller: Caller,
    found: { auditId: string; response: HttpResponse | undefined; user: UserInfo | undefined; headers: HeaderLists },
  ): void | Promise<void> {
    const { context } = this.#deps;
    const { auditId, response, user: sender, headers } = found;
    if (context.audit) {
      const { audit } = context;
      caller.entry = audit.begin(auditedRequest(context, request, { auditId, user: sender ?? nobody }));
      response?.on('close', () => caller.entry?.completed(response.statusCode));
    }
    if (!sender) throw StatusError.of('Unauthorized', 'Unauthorized');
    const acting = this.#impersonation.actingAs(sender, headers, () => narrowedAttributes(context, request));
    if (!acting) {
      caller.user = sender;
      return;
    }
    return acting.then(({ user, constraint }) => {
      caller.user = user;
      caller.entry?.actsAs(user, constraint);
    });
  }

  /** An HTTP/1.1 upgrade: exec, attach and port-forward. Throws like a handler; the caller writes the error. */
  async upgrade(request: HttpRequest, socket: TLSSocket, head: Buffer): Promise<void> {
    const caller: Caller = { url: urlOf(request), user: nobody, entry: undefined };
    try {
      await this.#identify(request, caller, { auditId: this.#auditId(request) });
      await this.#upgrade(request, caller, { socket, head });
    } catch (error) {
      const { status } = error instanceof StatusError ? error : internalError(error);
      caller.entry?.answered(() => status);
      caller.entry?.completed(status.code ?? 500);
      throw error;
    }
  }

  async #upgrade(
    request: HttpRequest,
    { url, user, entry }: Caller,
    { socket, head }: { socket: TLSSocket; head: Buffer },
  ): Promise<void> {
    const { context, nodes, proxy, aggregator } = this.#deps;
    const begin = () => {
      entry?.started(101);
      socket.on('close', () => entry?.completed(101));
    };
    const { path, query } = url;
    const service = aggregator.find(path);
    if (service) {
      await authorize(context, user, attributesOfPath(context, request), told(entry));
      begin();
      return aggregator.upgrade(service, user, { request, socket, head });
    }
    const at = parseResourcePath(context.registry, path);
    if (!at?.endpoint || !connecting.has(at.subresource)) throw noSuchResource();
    const apiRequest = { ...this.#connectRequest(request, { at, query, user }), ...told(entry) };
    await authorize(context, user, attributesOf(apiRequest), apiRequest);
    if (at.subresource !== 'log') await allowConnection(context, apiRequest, at.rest);
    begin();
    if (at.subresource === 'proxy') return proxy.upgrade(apiRequest, { request, socket, head });
    await nodes.upgrade(apiRequest, at, { request, socket, head });
  }

  async #serve(request: HttpRequest, response: HttpResponse, caller: Caller): Promise<void> {
    const { context, plainPaths, nodes, proxy, aggregator } = this.#deps;
    const { user, entry } = caller;
    const { path, query } = caller.url;
    const service = aggregator.find(path);
    if (service) {
      await authorize(context, user, attributesOfPath(context, request), told(entry));
      return aggregator.serve(service, user, { request, response });
    }
    const at = parseResourcePath(context.registry, path);
    if (at?.endpoint && connecting.has(at.subresource) && at.endpoint.subresources.has(at.subresource)) {
      const apiRequest = { ...this.#connectRequest(request, { at, query, user }), ...told(entry) };
      await authorize(context, user, attributesOf(apiRequest), apiRequest);
      // A log is read like an object.
      if (at.subresource !== 'log') await allowConnection(context, apiRequest, at.rest);
      if (at.subresource !== 'log' || flag(query, 'follow')) entry?.started(200);
      if (at.subresource === 'proxy') return proxy.serve(apiRequest, { request, response });
      return nodes.serve(apiRequest, at, { request, response });
    }
    const attributes: Attributes = at
      ? { ...at, verb: verbOf(request, at, query) }
      : { verb: (request.method ?? 'GET').toLowerCase(), path };
    const counted = isServed(at) ? attributes : { verb: attributes.verb, path };
    caller.answered = context.metrics.begin(counted, query.get('dryRun') ?? '', context.clock.now());
    const entering = takeSeat(this.#deps.flowControl, response, { user, attributes, query });
    const ticket = entering instanceof Promise ? await entering : entering;
    try {
      if (!at) await plainPaths.serve(request, response, { path, user, ...told(entry) });
      else if (!at.endpoint) await this.#unknown(request, response, { at, caller });
      else await this.#resource(request, response, { at, caller, verb: attributes.verb as Verb });
    } finally {
      // A watch gives its seat back as soon as it has begun.
      ticket.done();
    }
  }

  async #resource(
    request: HttpRequest,
    response: HttpResponse,
    ask: { at: ResourcePath; caller: Caller; verb: Verb },
  ): Promise<void> {
    const { context } = this.#deps;
    const { at, caller, verb } = ask;
    const { user, entry } = caller;
    const endpoint = at.endpoint as NonNullable<ResourcePath['endpoint']>;
    const encoding = this.#negotiator.negotiate(request.headers.accept, offerOf(endpoint, at.subresource, verb));
    const warnings: string[] = [];
    const parsed = hasBody(request) ? await parseBody(request, await readBody(request), endpoint) : noBody;
    const apiRequest: ApiRequest = {
      verb,
      endpoint,
      user,
      query: caller.url.query,
      subresource: at.subresource,
      namespace: at.namespace,
      name: at.name,
      body: parsed.value,
      patchType: parsed.patchType,
      source: parsed.source,
      userAgent: String(request.headers['user-agent'] ?? ''),
      warn: (text) => warnings.push(text),
      ...told(entry),
    };
    if (parsed.value !== undefined) entry?.sent(parsed.value);
    if (verb !== 'get' && verb !== 'list' && verb !== 'watch') requireBody(apiRequest);
    const answer = await handle(context, apiRequest);
    if (warnings.length > 0) response.setHeader('warning', warningHeaders(warnings));
    entry?.answered(() => shownAnswer(context, answer));
    if (answer.type === 'watch') {
      entry?.started(200);
      sendWatch(context, response, { request: apiRequest, answer, encoding, shared: this.#events });
    } else await this.#sendAnswer(request, response, { apiRequest, answer, encoding });
  }

  async #sendAnswer(
    request: HttpRequest,
    response: HttpResponse,
    { apiRequest, answer, encoding }: { apiRequest: ApiRequest; answer: Answer; encoding: Encoding },
  ): Promise<void> {
    const encoded = encodeAnswer(this.#deps.context, apiRequest, answer, encoding);
    const { type, chunks } = encoded instanceof Promise ? await encoded : encoded;
    return send(request, response, { code: 'code' in answer ? answer.code : 200, type, chunks });
  }

  /** What is not served is Forbidden before it is NotFound, so that names cannot be probed. */
  async #unknown(
    request: HttpRequest,
    response: HttpResponse,
    { at, caller }: { at: ResourcePath; caller: Caller },
  ): Promise<void> {
    const { group, version, resource, subresource, namespace, name } = at;
    const { context } = this.#deps;
    const verb = verbOf(request, at, caller.url.query);
    const attributes = { verb, group, version, resource, subresource, namespace, name };
    await authorize(context, caller.user, attributes, told(caller.entry));
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
    const { subresource, namespace, name } = at;
    const verb = (subresource === 'proxy' ? proxiedVerbs : connectVerbs)[request.method ?? ''];
    if (verb === undefined || (verb && !declared.verbs.includes(verb))) throw methodNotAllowed();
    return { verb: verb as Verb, endpoint, user, query, subresource, namespace, name, userAgent: '', warn: () => {} };
  }
}

/** Subresources that are objects of another kind, which has no printer columns. */
const withoutTable = new Set(['eviction', 'binding', 'token']);

const offerOf = (endpoint: Endpoint, subresource: string, verb: Verb): Offer => ({
  watch: verb === 'watch',
  // What nobody can list has no columns.
  table: !withoutTable.has(subresource) && endpoint.kind.verbs.includes('list'),
  protobuf: hasProtobuf(endpoint.kind.type),
});

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

/** The client went away before anything was begun: nobody would be told any more that it has. */
const isGone = (request: HttpRequest): boolean => ('stream' in request ? request.stream.destroyed : request.destroyed);

const noBody: ParsedBody = { value: undefined };

const hasBody = (request: HttpRequest): boolean => request.method !== 'GET';

function requireBody(request: ApiRequest): void {
  if (request.body !== undefined || request.verb === 'delete' || request.verb === 'deletecollection') return;
  throw StatusError.of(
    'BadRequest',
    `the object provided is unrecognized (must be of type ${request.endpoint.kind.kind}): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
  );
}

/** RFC 7234 §5.5 with code 299, as Kubernetes sends it. */
/** What is not served has no series of its own: whoever asks could make as many as there are names. */
const isServed = (at: ResourcePath | undefined): boolean =>
  at?.endpoint !== undefined && (at.subresource === '' || at.endpoint.subresources.has(at.subresource));
