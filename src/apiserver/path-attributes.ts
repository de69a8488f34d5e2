import type { HttpRequest } from './body.ts';
import type { ApiContext } from './context.ts';
import { type Attributes, isResource, requiredField } from './authz/attributes.ts';
import { flag, type Verb } from './request.ts';
import { parseResourcePath, type ResourcePath } from './router.ts';

/** The verbs of methods where a path alone decides. */
export const connectVerbs: Record<string, Verb> = {
  GET: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Those that a proxy passes on: OPTIONS has no verb, which only who may do everything is allowed. */
export const proxiedVerbs: Record<string, Verb | ''> = { ...connectVerbs, HEAD: 'get', OPTIONS: '' };

/** What a request asks for, taken apart. */
export interface Url {
  path: string;
  query: URLSearchParams;
}

export function urlOf(request: HttpRequest): Url {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return mark < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

/** What a request asks permission for, by its path alone: another server knows what the resource is. */
export function attributesOfPath({ registry }: ApiContext, request: HttpRequest): Attributes {
  const { path, query } = urlOf(request);
  const method = request.method ?? 'GET';
  const at = parseResourcePath(registry, path);
  if (!at) return { verb: method.toLowerCase(), path };
  const { group, version, resource, subresource, namespace, name } = at;
  return { verb: plainVerb(method, at, query), group, version, resource, subresource, namespace, name };
}

/** The same with what narrows a collection, as authorizers are asked. */
export function narrowedAttributes(context: ApiContext, request: HttpRequest): Attributes {
  const attributes = attributesOfPath(context, request);
  if (!isResource(attributes) || !ofCollections.has(attributes.verb)) return attributes;
  const { query } = urlOf(request);
  const fieldSelector = query.get('fieldSelector') ?? undefined;
  return {
    ...attributes,
    name: attributes.name || (requiredField(fieldSelector, 'metadata.name') ?? ''),
    fieldSelector,
    labelSelector: query.get('labelSelector') ?? undefined,
  };
}

const ofCollections: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

function plainVerb(method: string, { watch, name }: ResourcePath, query: URLSearchParams): string {
  const one = name !== '';
  if (method === 'DELETE') return one ? 'delete' : 'deletecollection';
  if (method !== 'GET' && method !== 'HEAD') return connectVerbs[method] ?? '';
  if (watch || (!one && flag(query, 'watch'))) return 'watch';
  return one ? 'get' : 'list';
}
