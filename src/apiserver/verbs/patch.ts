import { goText } from '../../api/meta/json.ts';
import { applyPatch } from '../../api/meta/apply.ts';
import { applyJsonPatch } from '../../api/meta/json-patch.ts';
import { applyMergePatch } from '../../api/meta/merge-patch.ts';
import { badRequest, invalid, notFound, StatusError } from '../../api/meta/status-error.ts';
import type { ObjectType } from '../../api/object-type.ts';
import type { KubeObject } from '../../api/resource.ts';
import { DecodeError } from '../../api/schema/decode-error.ts';
import type { ApiContext } from '../context.ts';
import { ownershipTime, resetPaths } from '../field-managers.ts';
import { type Answer, type ApiRequest, flag, storeKey } from '../request.ts';
import { createObject } from './create.ts';
import { checkIdentity, decodeObject } from './request-body.ts';
import { modify } from './update.ts';

/** PATCH in its four kinds. */
export async function patch(context: ApiContext, request: ApiRequest): Promise<Answer> {
  if (request.patchType === 'apply') return apply(context, request);
  return modify(context, request, ({ object: old }) => {
    const object = decodePatched(request, patched(request, old, request.endpoint.type));
    checkIdentity(request, object);
    return object;
  });
}

/** What a patch made must still be an object of its kind; where it is not, the patch is what is invalid. */
function decodePatched(request: ApiRequest, document: object): KubeObject {
  try {
    return decodeObject(request, request.endpoint, document);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const shown = request.patchType === 'strategic' ? goText(request.body) : JSON.stringify(document);
    const message = `Invalid value: ${JSON.stringify(shown)}: ${error.detail}`;
    throw invalid({ group: '', kind: '' }, '', [{ type: 'FieldValueInvalid', field: 'patch', message }]);
  }
}

/** What a patch makes of a document; the document stays as it is. */
export function patched(request: ApiRequest, old: object, type: Pick<ObjectType, 'mergeStrategically'>): object {
  const { body, patchType } = request;
  if (patchType === 'json') return applyJsonPatch(old, body) as object;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('the patch must be a JSON object');
  }
  if (patchType === 'merge') return applyMergePatch(old, body) as object;
  if (!type.mergeStrategically) {
    throw StatusError.of('UnsupportedMediaType', 'the resource does not support strategic merge patches');
  }
  return type.mergeStrategically(old, body as Record<string, unknown>);
}

/** Server-side apply (KEP-555): creates what is not there, merges by owner what is. */
async function apply(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { endpoint } = request;
  const config = decodeApplied(request);
  const manager = request.query.get('fieldManager');
  if (!manager) {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
      { type: 'FieldValueRequired', field: 'fieldManager', message: 'Required value: is required for apply patch' },
    ]);
  }
  const merge = (live: KubeObject | undefined) => {
    const merged = applyPatch(endpoint.type.fields, {
      live,
      config,
      manager,
      force: flag(request.query, 'force'),
      subresource: request.subresource,
      time: ownershipTime(context),
      reset: resetPaths(request),
    });
    const object = decodeObject({ ...request, duplicateFields: [] }, endpoint, merged);
    checkIdentity(request, object);
    return object;
  };
  if (context.store.head(endpoint.resource, storeKey(request)))
    return modify(context, request, (at) => merge(at.object));
  if (request.subresource) throw notFound(endpoint.kind, request.name);
  if (config.metadata.uid) throw notFound(endpoint.kind, request.name);
  return createObject(context, request, merge(undefined));
}

/** An applied configuration must name its kind, and may not bring managed fields of its own. */
function decodeApplied(request: ApiRequest): KubeObject {
  const body = request.body as KubeObject;
  if (typeof body !== 'object' || body === null) throw badRequest('the applied configuration must be an object');
  if (!body.apiVersion || !body.kind) throw badRequest("Object 'Kind' is missing in the applied configuration");
  if (body.metadata?.managedFields) throw badRequest('metadata.managedFields must be nil');
  const metadata = { ...body.metadata, name: body.metadata?.name ?? request.name };
  if (request.endpoint.kind.namespaced) metadata.namespace ??= request.namespace;
  return { ...body, metadata };
}
