import { badRequest, invalid, StatusError } from '../../api/meta/status-error.ts';
import type { KubeObject } from '../../api/resource.ts';
import { DecodeError } from '../../api/schema/decode-error.ts';
import type { Endpoint } from '../endpoint.ts';
import { type ApiRequest } from '../request.ts';

/** How unknown and duplicate fields are treated; Warn is the server's default (KEP-2885). */
function fieldValidation(request: ApiRequest): 'Strict' | 'Warn' | 'Ignore' {
  const mode = request.query.get('fieldValidation') ?? '';
  if (mode === '') return 'Warn';
  if (mode === 'Strict' || mode === 'Warn' || mode === 'Ignore') return mode;
  throw invalid({ group: 'meta.k8s.io', kind: optionsKind(request) }, '', [
    {
      type: 'FieldValueNotSupported',
      field: 'fieldValidation',
      message: `Unsupported value: "${mode}": supported values: "Ignore", "Strict", "Warn"`,
    },
  ]);
}

export const optionsKind = (request: ApiRequest): string =>
  ({ create: 'CreateOptions', patch: 'PatchOptions', delete: 'DeleteOptions', deletecollection: 'DeleteOptions' })[
    request.verb as string
  ] ?? 'UpdateOptions';

/** The options that every write shares, checked: dryRun and fieldManager. */
export function checkWriteOptions(request: ApiRequest): { dryRun: boolean } {
  const errors = [];
  const dryRun = request.query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All')) {
    const shown = `[]string{${dryRun.map((value) => JSON.stringify(value)).join(', ')}}`;
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'dryRun',
      message: `Unsupported value: ${shown}: supported values: "All"`,
    });
  }
  const manager = request.query.get('fieldManager') ?? '';
  if (Buffer.byteLength(manager) > 128) {
    errors.push({
      type: 'FieldValueTooLong',
      field: 'fieldManager',
      message: 'Too long: may not be more than 128 bytes',
    });
  }
  // oxlint-disable-next-line no-control-regex -- the rule is about control characters
  const unprintable = /[\u0000-\u001f\u007f]/.exec(manager);
  if (unprintable) {
    const code = unprintable[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    errors.push({
      type: 'FieldValueInvalid',
      field: 'fieldManager',
      message: `Invalid value: ${JSON.stringify(manager)}: invalid character U+${code} (at position ${unprintable.index})`,
    });
  }
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind: optionsKind(request) }, '', errors);
  return { dryRun: dryRun.length > 0 };
}

/** The object of a create or update: its kind checked, decoded by the schema, defaulted. */
export function decodeObject(request: ApiRequest, endpoint: Endpoint, body: unknown): KubeObject {
  const mode = fieldValidation(request);
  const { object, unknown } = endpoint.type.decode(body);
  const strange = [
    ...unknown.map((path) => `unknown field "${path}"`),
    ...(request.duplicateFields ?? []).map((path) => `duplicate field "${path}"`),
  ];
  if (strange.length > 0 && mode === 'Strict') {
    const { kind, version } = endpoint.kind;
    const prefix = `${kind} in version "${version}" cannot be handled as a ${kind}`;
    throw new DecodeError(prefix, `strict decoding error: ${strange.join(', ')}`);
  }
  if (mode === 'Warn') for (const text of strange) request.warn(text);
  return endpoint.type.defaults(object);
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

/** A resourceVersion as a number; what is not one is the server's error in Kubernetes, so it is here. */
export function parseResourceVersion(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `strconv.ParseUint: parsing "${text}": invalid syntax`,
    code: 500,
  });
}
