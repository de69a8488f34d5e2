import { internalError, staleObject, StatusError } from '../api/meta/status-error.ts';
import { StaleError } from '../store/store.ts';
import { type Attributes, type Decision, requiredField, type ResourceAttributes } from './authz/attributes.ts';
import { forbidden } from './authz/forbidden.ts';
import type { UserInfo } from './authn/user-info.ts';
import type { ApiContext } from './context.ts';
import { isStored } from './registry.ts';
import type { Answer, ApiRequest } from './request.ts';
import { bind } from './verbs/binding.ts';
import { componentStatus } from './verbs/component-status.ts';
import { create } from './verbs/create.ts';
import { deleteObject } from './verbs/delete.ts';
import { evict } from './verbs/eviction.ts';
import { get } from './verbs/get.ts';
import { deleteCollection, list } from './verbs/list.ts';
import { patch } from './verbs/patch.ts';
import { review } from './verbs/review.ts';
import { scale } from './verbs/scale.ts';
import { requestToken } from './verbs/token.ts';
import { update } from './verbs/update.ts';
import { watch } from './verbs/watch.ts';

type Handler = (context: ApiContext, request: ApiRequest) => Answer | Promise<Answer>;

const verbs: Partial<Record<ApiRequest['verb'], Handler>> = {
  get,
  list,
  watch,
  create,
  update,
  patch,
  delete: deleteObject,
  deletecollection: deleteCollection,
};

/** Subresources that are not a view of the object itself. */
const special: Record<string, Handler> = { scale, binding: bind, eviction: evict, token: requestToken };

export const methodNotAllowed = (): StatusError => {
  const message = 'the server does not allow this method on the requested resource';
  return StatusError.of('MethodNotAllowed', message, {});
};

/** Who is told how it was decided. */
export type Audited = Pick<ApiRequest, 'annotate'>;

/**
 * Throws Forbidden, in Kubernetes' words, unless the user may: at once, or by the promise where somebody outside has to be asked.
 */
export function authorize(
  context: ApiContext,
  user: UserInfo,
  attributes: Attributes,
  told: Audited = {},
): void | Promise<void> {
  const decided = context.authorizer.authorize(user, attributes);
  const asked = { context, user, attributes, told };
  // Only who is asked outside takes time that is worth measuring.
  if (!(decided instanceof Promise)) return settle(asked, decided, 0);
  const beganMs = context.clock.now();
  return decided.then((decision) => settle(asked, decision, (context.clock.now() - beganMs) / 1000));
}

function settle(
  { context, user, attributes, told }: { context: ApiContext; user: UserInfo; attributes: Attributes; told: Audited },
  { allowed, denied, reason, error }: Decision,
  seconds: number,
): void {
  const isError = !allowed && error !== undefined;
  const result = allowed ? 'allowed' : isError ? 'error' : denied ? 'denied' : 'no-opinion';
  context.metrics.access.authorized(result, seconds);
  if (!isError) told.annotate?.('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
  told.annotate?.('authorization.k8s.io/reason', isError ? 'internal error' : reason);
  if (isError) throw internalError(error);
  if (!allowed) throw forbidden(user, attributes, reason);
}

/** What a request asks permission for. */
export function attributesOf(request: ApiRequest): ResourceAttributes {
  const { kind } = request.endpoint;
  const fieldSelector = request.query.get('fieldSelector') ?? undefined;
  return {
    verb: request.verb,
    group: kind.group,
    version: kind.version,
    resource: kind.resource,
    subresource: request.subresource,
    namespace: request.namespace,
    // A collection narrowed to one name is that object: what a role with resource names is about.
    name: request.name || (requiredField(fieldSelector, 'metadata.name') ?? ''),
    fieldSelector,
    labelSelector: request.query.get('labelSelector') ?? undefined,
  };
}

/** Authorization and the verb: the part of the way that requests from sockets and from within the process share. */
export async function handle(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const deciding = authorize(context, request.user, attributesOf(request), request);
  if (deciding) await deciding;
  if (request.endpoint.warning) {
    request.warn(request.endpoint.warning);
    context.metrics.deprecated(request);
  }
  const handler = handlerOf(request);
  const fresh = wantsNewest(request) ? context.store.fresh() : undefined;
  if (fresh) await fresh;
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = handler(context, request);
      return answer instanceof Promise ? await answer : answer;
    } catch (error) {
      if (!(error instanceof StaleError)) throw error;
      // Another server was first; this one has seen by what, and decides anew.
      if (attempt === maxStaleAttempts) throw staleObject(request.endpoint.kind, request.name);
    }
  }
}

/** How often a request is decided anew because another server changed what it was based on: each time somebody got through. */
const maxStaleAttempts = 100;

/** All but reads that take what this server has, and watches that say from where on. */
function wantsNewest({ verb, query }: ApiRequest): boolean {
  const version = query.get('resourceVersion') ?? '';
  return verb === 'watch' ? version === '' : version !== '0';
}

/** Whether there is a handler for a verb of a resource (`subresource` is '' then) or subresource that the tables declare. */
export const isHandled = (subresource: string, verb: string): boolean =>
  special[subresource] !== undefined || verbs[verb as ApiRequest['verb']] !== undefined;

function handlerOf(request: ApiRequest): Handler {
  const { endpoint, subresource, verb } = request;
  if (endpoint.answers) {
    if (subresource) throw endpoint.unknownSubresource(request.name);
    if (!endpoint.kind.verbs.includes(verb)) throw methodNotAllowed();
    return endpoint.answers;
  }
  if (!isStored(endpoint)) {
    if (endpoint.resource === 'componentstatuses' && endpoint.kind.verbs.includes(verb)) return componentStatus;
    if (verb !== 'create') throw methodNotAllowed();
    return endpoint.resource === 'bindings' ? bind : review;
  }
  if (subresource) {
    const declared = endpoint.subresources.get(subresource);
    if (!declared) throw endpoint.unknownSubresource(request.name);
    if (!declared.verbs.includes(verb)) throw methodNotAllowed();
    const handler = special[subresource] ?? verbs[verb];
    if (!handler) throw methodNotAllowed();
    return handler;
  }
  const handler = verbs[verb];
  if (!handler || !endpoint.kind.verbs.includes(verb)) throw methodNotAllowed();
  return handler;
}
