import { unconvertible } from '../../api/built-in-type.ts';
import { forbidden, notSupported, quoted, required } from '../../api/meta/field-error.ts';
import { validateFieldManager } from '../../api/meta/object-meta.ts';
import { badRequest, type FieldError, invalid, StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import type { Codec } from '../../api/schema/codec.ts';
import { type ApiContext, timestamp } from '../context.ts';
import { type ApiRequest, optionsKind } from '../request.ts';
import { validateFields } from './field-validation.ts';

/** The options that every write shares, checked: dryRun, fieldManager, force. */
export function checkWriteOptions(request: ApiRequest): { dryRun: boolean } {
  const { query } = request;
  const errors: FieldError[] = [];
  const dryRun = query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All')) errors.push(notSupported('dryRun', dryRun, ['All']));
  const manager = query.get('fieldManager') ?? '';
  errors.push(...validateFieldManager(manager, 'fieldManager'));
  if (request.verb === 'patch' && request.patchType) {
    if (request.patchType !== 'apply' && query.has('force')) {
      errors.push(forbidden('force', 'may not be specified for non-apply patch'));
    }
    if (request.patchType === 'apply' && !manager) errors.push(required('fieldManager', 'is required for apply patch'));
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: optionsKind(request) }, '', errors);
  return { dryRun: dryRun.length > 0 };
}

/** The members of a stored, frozen object that a write neither means nor can change: they are taken over as they are. */
export interface KeptMembers {
  from: KubeObject;
  names: readonly string[];
}

/** The object of a create or update: its kind checked, decoded by the schema, defaulted. */
export function decodeObject(context: ApiContext, request: ApiRequest, body: unknown, kept?: KeptMembers): KubeObject {
  const { endpoint } = request;
  const { object, unknown } = endpoint.type.decode(kept ? withoutMembers(body as object, kept.names) : body);
  const { kind, version } = endpoint.kind;
  validateFields(request, unknown, { kind, version, isCustom: endpoint.type.mergeStrategically === undefined });
  const filled = endpoint.type.defaults(object, () => timestamp(context.clock.now()));
  return kept ? withMembers(filled, kept) : filled;
}

function withoutMembers(document: object, names: readonly string[]): object {
  const rest: object = { ...document };
  for (const name of names) delete rest[name as never];
  return rest;
}

/** The object with the members, each in its place: a stored object has them in order. */
function withMembers(object: KubeObject, { from, names }: KeptMembers): KubeObject {
  const whole = {} as KubeObject;
  for (const name in from) whole[name as never] = (names.includes(name) ? from : object)[name as never];
  for (const name in object) whole[name as never] ??= object[name as never];
  return whole;
}

/** The body of a subresource, which has a kind of its own. */
export function checkKindOf(body: unknown, wanted: { group: string; kind: string }): void {
  const { kind, apiVersion } = (body ?? {}) as KubeObject;
  if (typeof kind !== 'string' || kind === wanted.kind) return;
  throw unconvertible(wanted, { kind, apiVersion: typeof apiVersion === 'string' ? apiVersion : 'v1' });
}

/** The decoded body of a subresource that takes an object of another kind. Throws BadRequest. */
export function decodeAs<T>(
  request: ApiRequest,
  codec: Codec,
  wanted: { group: string; version: string; kind: string },
): T {
  const body = request.body ?? {};
  checkKindOf(body, wanted);
  const { object, unknown } = codec.decode(body);
  validateFields(request, unknown, { ...wanted, isCustom: false });
  return object as T;
}

/** Name and namespace of a body against those of the URL, which wins where the body is silent. */
export function checkIdentity(request: ApiRequest, object: KubeObject): void {
  const { metadata } = object;
  const { kind } = request.endpoint;
  if (request.verb === 'create') {
    if (request.name && metadata.name && metadata.name !== request.name) {
      throw badRequest(
        `the name of the object (${metadata.name}) does not match the name on the URL (${request.name})`,
      );
    }
  } else if (!metadata.name) {
    throw badRequest(`the name of the object (${request.name} based on URL) was undeterminable: name must be provided`);
  } else if (metadata.name !== request.name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${request.name})`);
  }
  if (!kind.namespaced) {
    metadata.namespace = undefined;
    return;
  }
  if (metadata.namespace && metadata.namespace !== request.namespace) {
    throw badRequest(
      request.verb === 'create'
        ? 'the namespace of the provided object does not match the namespace sent on the request'
        : `the namespace of the object (${metadata.namespace}) does not match the namespace on the request (${request.namespace})`,
    );
  }
  metadata.namespace = request.namespace;
}

/**
 * A resourceVersion as a number; what is not one is the server's error in Kubernetes, so it is here. `where`: what is said
 * before, for a version that is no field of an object.
 */
export function parseResourceVersion(
  text: string,
  where = `resourceVersion: Invalid value: ${quoted(text)}: `,
): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${where}strconv.ParseUint: parsing ${quoted(text)}: invalid syntax`,
    code: 500,
  });
}
