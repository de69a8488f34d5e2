import { validateObjectMeta, validateObjectMetaUpdate } from '../../api/meta/object-meta.ts';
import { type FieldError, invalid } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { Write } from '../../store/store.ts';
import type { Version } from '../../store/version.ts';
import type { ApiContext } from '../context.ts';
import { canonical } from '../object-codec.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ApiRequest, Answer } from '../request.ts';
import { served } from './stored.ts';

/** Metadata rules and the kind's own, all failures at once. */
export function validateNew(endpoint: Endpoint, object: KubeObject): void {
  const errors = [
    ...validateObjectMeta(endpoint.kind, object.metadata),
    ...(endpoint.strategy.validate?.(object) ?? []),
    ...(endpoint.strategy.validateCreate?.(object) ?? []),
  ];
  refuse(endpoint, object, errors);
}

/** Subresources by which a client writes the object as it pleases; the others change one thing, and know their own rules. */
const wholeObject = new Set(['', 'approval', 'scale']);

export function validateChanged(
  endpoint: Endpoint,
  change: { object: KubeObject; old: KubeObject; subresource: string },
): void {
  const { object, old, subresource } = change;
  const { strategy } = endpoint;
  // Kubernetes checks metadata for all kinds and again for each: its errors come twice among the causes.
  const metaErrors = validateObjectMetaUpdate(endpoint.kind, object.metadata, old.metadata);
  const errors = [...metaErrors, ...metaErrors];
  if (subresource === 'status') errors.push(...(strategy.validateStatusUpdate?.(object, old) ?? []));
  else if (subresource === 'finalize') errors.push(...(strategy.validateFinalize?.(object) ?? []));
  // A binding only names a node: Kubernetes does not look at the rest of the pod again.
  else if (subresource !== 'binding') errors.push(...(strategy.validate?.(object) ?? []));
  errors.push(...(strategy.validateThrough?.[subresource]?.(object, old) ?? []));
  if (wholeObject.has(subresource)) errors.push(...(strategy.validateUpdate?.(object, old) ?? []));
  refuse(endpoint, object, errors);
}

function refuse(endpoint: Endpoint, object: KubeObject, errors: FieldError[]): void {
  if (errors.length > 0) throw invalid(endpoint.kind, object.metadata.name ?? '', errors);
}

/**
 * Writes an object, in the form in which it is `stored`, and answers with its version; a dry run answers with what it would
 * have been.
 */
export async function commitObject(
  context: ApiContext,
  request: ApiRequest,
  commit: { key: string; object: KubeObject; stored: KubeObject; dryRun: boolean; code: number; also?: Write[] },
): Promise<Answer> {
  const { key, object, stored, dryRun, code } = commit;
  const { endpoint } = request;
  for (const text of endpoint.strategy.warnings?.(object) ?? []) request.warn(text);
  if (dryRun) return { type: 'object', code, object: canonical(endpoint, object, object.metadata.resourceVersion) };
  const put: Write = { put: context.objects.put(endpoint, key, stored) };
  const versions = await context.store.commit([...(commit.also ?? []), put]);
  const view = served(endpoint, versions.at(-1) as Version);
  return { type: 'version', code, version: view instanceof Promise ? await view : view };
}
