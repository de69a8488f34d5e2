import { toJson } from '../../base/lossless-json.ts';
import { goText } from '../../api/meta/json.ts';
import { applyPatch } from '../../api/meta/apply.ts';
import { applyJsonPatch } from '../../api/meta/json-patch.ts';
import { applyMergePatch } from '../../api/meta/merge-patch.ts';
import { invalidValue } from '../../api/meta/field-error.ts';
import { badRequest, conflict, invalid, notFound, StatusError } from '../../api/meta/status-error.ts';
import type { ObjectType } from '../../api/object-type.ts';
import { groupVersion, type KubeObject } from '../../api/resource.ts';
import { jsonKind } from '../../api/schema/cursor.ts';
import { DecodeError } from '../../api/schema/decode-error.ts';
import { isRegistered } from '../../api/schema/schema.ts';
import type { ApiContext } from '../context.ts';
import { ownershipTime, resetPaths } from '../field-managers.ts';
import { asStored } from '../representation.ts';
import { type Answer, type ApiRequest, flag, storeKey } from '../request.ts';
import { createObject } from './create.ts';
import { validateApplied } from './field-validation.ts';
import { checkIdentity, checkWriteOptions, decodeObject, type KeptMembers } from './request-body.ts';
import { modify } from './update.ts';

/** PATCH in its four kinds. */
export function patch(context: ApiContext, request: ApiRequest): Promise<Answer> {
  checkWriteOptions(request);
  if (request.patchType === 'apply') return apply(context, request);
  return modify(context, request, ({ object: old }) => {
    const document = patched(request, old, request.endpoint.type);
    const object = decodePatched(context, request, { document, old });
    checkIdentity(request, object);
    return object;
  });
}

/** What a patch made must still be an object of its kind; where it is not, the patch is what is invalid. */
function decodePatched(
  context: ApiContext,
  request: ApiRequest,
  change: { document: object; old: KubeObject },
): KubeObject {
  const { document } = change;
  try {
    return decodeObject(context, request, document, untouched(request, change));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const shown = request.patchType === 'strategic' ? goText(request.body) : sortedText(document);
    throw invalid({ group: '', kind: '' }, '', [invalidValue('patch', shown, error.detail)]);
  }
}

/**
 * The half of an object that a request cannot change (`keepOldParts`) and its patch has left alone. Decoding it again would
 * cost the most of a status write. Custom resources may be stored in another form than they are served in.
 */
function untouched(
  { endpoint, subresource }: ApiRequest,
  { document, old }: { document: object; old: KubeObject },
): KeptMembers | undefined {
  if (endpoint.representation !== asStored || !endpoint.kind.statusSubresource) return undefined;
  if (subresource !== '' && subresource !== 'status') return undefined;
  if (subresource === 'status' && endpoint.strategy.fillsStatusBySpec) return undefined;
  const isKept = (name: string) =>
    !identity.has(name) &&
    (subresource === '') === (name === 'status') &&
    document[name as never] === old[name as never];
  return { from: old, names: Object.keys(old).filter(isKept) };
}

const identity = new Set(['kind', 'apiVersion', 'metadata']);

/** Go's patch library sorts the members of what it has taken apart. */
const sortedText = (document: object): string =>
  toJson(Object.fromEntries(Object.entries(document).sort(([a], [b]) => (a < b ? -1 : 1))));

/** What a patch makes of a document; the document stays as it is. */
export function patched(request: ApiRequest, old: object, type: Pick<ObjectType, 'mergeStrategically'>): object {
  const { body, patchType } = request;
  if (patchType === 'json') return applyJsonPatch(old, body) as object;
  if (typeof body !== 'object' || Array.isArray(body)) {
    const why = `json: cannot unmarshal ${jsonKind(body)} into Go value of type map[string]interface {}`;
    throw badRequest(patchType === 'merge' ? `error decoding patch: ${why}` : why);
  }
  if (body === null) {
    if (patchType === 'merge') throw badRequest('Invalid JSON Patch');
    return old;
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
  const manager = request.query.get('fieldManager') as string;
  let isValidated = false;
  const merge = (live: KubeObject | undefined) => {
    const merged = applyPatch(endpoint.type.fields, {
      live,
      config,
      manager,
      force: flag(request.query, 'force'),
      subresource: request.subresource,
      time: ownershipTime(context),
      reset: resetPaths(endpoint.kind, request.subresource),
    });
    const object = decodeObject(context, { ...request, source: undefined }, merged);
    checkIdentity(request, object);
    // The first attempt has said it.
    if (!isValidated) validateApplied(request);
    isValidated = true;
    return object;
  };
  if (context.store.head(endpoint.resource, storeKey(request)))
    return modify(context, request, (at) => merge(at.object));
  if (request.subresource) throw notFound(endpoint.kind, request.name);
  const { uid } = config.metadata;
  if (uid) {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(endpoint.kind, request.name, why);
  }
  return createObject(context, request, merge(undefined));
}

/** An applied configuration must name its kind and version, and may not bring managed fields of its own. */
function decodeApplied(request: ApiRequest): KubeObject {
  const body = request.body as KubeObject;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw badRequest('the applied configuration must be an object');
  }
  const expected = groupVersion(request.endpoint.kind);
  const { apiVersion = '', kind = '' } = body;
  if (typeof kind !== 'string' || apiVersion !== expected) {
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${apiVersion}, expected: ${expected}`,
    );
  }
  if (kind !== request.endpoint.kind.kind) throw uncreatable(kind, apiVersion);
  if (body.metadata?.managedFields) throw badRequest('metadata.managedFields must be nil');
  const metadata = { ...body.metadata, name: body.metadata?.name ?? request.name };
  if (request.endpoint.kind.namespaced) metadata.namespace ??= request.namespace;
  return { ...body, metadata };
}

/** A kind that has no type here, or another than the object's: Kubernetes answers with 500 and no reason. */
function uncreatable(kind: string, apiVersion: string): StatusError {
  const gvk = `${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`;
  const message = isRegistered(apiVersion, kind)
    ? `failed to merge config: expected objects of the same type, but got ${gvk}`
    : `failed to create typed patch object: no corresponding type for ${gvk}`;
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });
}
