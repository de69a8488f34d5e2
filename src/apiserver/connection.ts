import { schemaTable } from '../api/generated/schema.ts';
import type { KubeObject } from '../api/resource.ts';
import type { ApiContext } from './context.ts';
import { type ApiRequest, flag } from './request.ts';

/** Asks admission whether a connection to a pod, service or node may be: webhooks and policies see it as CONNECT. */
export async function admitConnection(context: ApiContext, request: ApiRequest, rest: string): Promise<void> {
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
