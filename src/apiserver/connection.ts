import { schemaTable } from '../api/generated/schema.ts';
import { internalError } from '../api/meta/status-error.ts';
import type { KubeObject } from '../api/resource.ts';
import { forbiddenObject } from './authz/forbidden.ts';
import type { ApiContext } from './context.ts';
import { attributesOf } from './pipeline.ts';
import { type ApiRequest, flag } from './request.ts';

/** Subresources of pods that run or reach something: nobody only reads them. */
const streamed: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward']);

/** Whether a connection to a pod, service or node may be, once its request is authorized. Throws `StatusError` if not. */
export async function allowConnection(context: ApiContext, request: ApiRequest, rest: string): Promise<void> {
  await admitConnection(context, request, rest);
  await requireCreate(context, request);
}

/**
 * A WebSocket begins with a GET, for which `get` is enough. What it begins is worth no less than what SPDY begins with a
 * POST, so `create` is needed, too (KEP-4006, AuthorizePodWebsocketUpgradeCreatePermission). As upstream, audit and metrics
 * know only of the first decision, and the refusal has the authorizers' reason alone.
 */
async function requireCreate({ authorizer }: ApiContext, request: ApiRequest): Promise<void> {
  const { endpoint, subresource, verb, user, name } = request;
  if (endpoint.resource !== 'pods' || !streamed.has(subresource) || verb === 'create') return;
  const { allowed, reason, error } = await authorizer.authorize(user, { ...attributesOf(request), verb: 'create' });
  if (allowed) return;
  if (error !== undefined) throw internalError(error);
  throw forbiddenObject({ group: '', resource: 'pods' }, name, reason);
}

/** Asks admission whether a connection may be: webhooks and policies see it as CONNECT. */
async function admitConnection(context: ApiContext, request: ApiRequest, rest: string): Promise<void> {
  const kind = request.endpoint.subresources.get(request.subresource)?.kind ?? '';
  // Options have no metadata: they are no objects but for admission.
  const object = connectOptions(kind, request.query, rest) as unknown as KubeObject;
  const write = { verb: 'connect' as const, request, object, old: undefined, dryRun: false };
  await context.admission.admit(write);
  await context.admission.validate(write);
}

/** A query as the options that it stands for: `PodExecOptions`, …; `rest` is what follows `proxy`. */
export function connectOptions(kind: string, query: URLSearchParams, rest: string): Record<string, unknown> {
  const options: Record<string, unknown> = { kind, apiVersion: 'v1' };
  for (const { n, t } of schemaTable[`io.k8s.api.core.v1.${kind}`]?.f ?? []) {
    if (n === 'path') options.path = rest;
    if (!n || !query.has(n)) continue;
    if (t === 'boolean') options[n] = flag(query, n);
    else if (t.startsWith('[]')) options[n] = t === '[]string' ? query.getAll(n) : query.getAll(n).map(Number);
    else options[n] = query.get(n);
  }
  return options;
}
