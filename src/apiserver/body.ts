import { parseJson } from '../base/lossless-json.ts';
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { badRequest, StatusError } from '../api/meta/status-error.ts';
import { strangeMembers } from '../api/schema/strange-members.ts';
import { jsonKind } from '../api/schema/cursor.ts';
import { jsonSyntaxError } from '../api/schema/json-syntax.ts';
import { endOfJsonString } from '../api/schema/json-text.ts';
import { decodeProtobuf } from '../api/schema/protobuf-decode.ts';
import type { PatchType } from '../client/client.ts';
import type { Endpoint } from './endpoint.ts';
import { type ParsedYaml, parseYaml, YamlError } from './yaml-body.ts';

export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** The same limit as upstream: an etcd request may be 1.5 MB, a JSON body twice that. */
export const maxBodyBytes = 3 * 2 ** 20;

const patchTypes: Record<string, PatchType> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** A client that has begun to send a body and says nothing for so long is not waited for, milliseconds. */
const idleMs = 30_000;

/**
 * Reads a whole body. Rejects with 413 over the limit, with 400 when the client went away in the middle, with 504 when it
 * stopped sending.
 */
export function readBody(request: HttpRequest): Buffer | Promise<Buffer> {
  // Most bodies came with their head: nothing is waited for.
  if (request.httpVersionMajor === 1 && request.complete && request.readableLength <= maxBodyBytes) {
    return (request as IncomingMessage).read() ?? nothing;
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBodyBytes) {
        reject(StatusError.of('RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes}`));
        // Clients read no answer before they have sent their all; the rest is thrown away, within reason.
        chunks.length = 0;
        if (size > 10 * maxBodyBytes) request.destroy();
      } else chunks.push(chunk);
    });
    request.on('aborted', () => reject(badRequest('the request was aborted')));
    request.on('error', reject);
    request.setTimeout(idleMs, () => reject(StatusError.of('Timeout', 'the body of the request did not come', {})));
    request.on('end', () => {
      request.setTimeout(0);
      // An aborted HTTP/2 upload still ends: what came is not the whole.
      const { stream } = request as Http2ServerRequest;
      if (stream?.aborted) reject(badRequest('the request was aborted'));
      else resolve(Buffer.concat(chunks));
    });
  });
}

const nothing = Buffer.alloc(0);

export interface ParsedBody {
  value: unknown;
  patchType?: PatchType;
  source?: BodySource;
}

/** What of a body's text is not in its value: members that were there twice. */
export interface BodySource {
  /** The text of a JSON body. */
  json?: string;
  /** Of a YAML body, what its parser says: `line 12: key "a" already set in map`. */
  yaml?: readonly string[];
}

const mediaType = (request: HttpRequest): string =>
  (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

/** The sort of patch that a media type is, if the endpoint speaks it. */
function patchTypeOf({ type }: Endpoint, media: string): PatchType | undefined {
  const patch = Object.hasOwn(patchTypes, media) ? patchTypes[media] : undefined;
  return patch === 'strategic' && !type.mergeStrategically ? undefined : patch;
}

/** Kubernetes' router refuses it before anybody looks at what the kind would take; custom resources are not behind it. */
function noSuchPatch(endpoint: Endpoint): StatusError {
  const accepted = Object.keys(patchTypes)
    .filter((media) => patchTypeOf(endpoint, media))
    .join(', ');
  return endpoint.type.mergeStrategically
    ? StatusError.of('UnsupportedMediaType', '415: Unsupported Media Type', {})
    : StatusError.of(
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
      );
}

/** The body as data, by its content type; empty bodies are undefined. */
export function parseBody(request: HttpRequest, bytes: Buffer, endpoint: Endpoint): ParsedBody | Promise<ParsedBody> {
  const { kind } = endpoint.kind;
  const type = mediaType(request);
  const patchType = patchTypeOf(endpoint, type);
  if (request.method === 'PATCH' && !patchType) {
    throw noSuchPatch(endpoint);
  }
  if (bytes.length === 0) return { value: undefined, patchType };
  if (type === 'application/yaml' || patchType === 'apply')
    return readYaml(bytes, kind, patchType).then(({ value, duplicates }) => ({
      ...{ value, patchType },
      source: { yaml: duplicates },
    }));
  if (type === 'application/vnd.kubernetes.protobuf') return { value: decodeProtobuf(bytes), patchType };
  if (type !== '' && type !== 'application/json' && !patchType) {
    throw StatusError.of(
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  }
  const text = bytes.toString('utf8');
  try {
    const value: unknown = parseJson(text);
    checkDepth(text);
    if (!patchType && request.method !== 'DELETE') requireObject(value, kind, bytes);
    return { value, patchType, source: { json: text } };
  } catch (error) {
    if (error instanceof StatusError) throw error;
    const why = jsonSyntaxError(text);
    if (patchType) throw badRequest(patchType === 'merge' ? `error decoding patch: ${why}` : why);
    throw unrecognized(kind, `couldn't get version/kind; json parse error: ${why}`, bytes);
  }
}

const typeMetaStruct =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** An object of the API is a JSON object, and its apiVersion has at most one slash. Throws BadRequest. */
function requireObject(value: unknown, kind: string, bytes: Buffer): void {
  if (typeof value !== 'object' || Array.isArray(value)) {
    const why = `json: cannot unmarshal ${jsonKind(value)} into Go value of type ${typeMetaStruct}`;
    throw unrecognized(kind, `couldn't get version/kind; json parse error: ${why}`, bytes);
  }
  const apiVersion = (value as { apiVersion?: unknown } | null)?.apiVersion;
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    throw unrecognized(kind, `unexpected GroupVersion string: ${apiVersion}`, bytes);
  }
}

/** How much of a body an error shows, in bytes. */
const maxSummary = 30;

function summary(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>';
  const head = bytes.subarray(0, maxSummary);
  return `${head.toString(bytes[0] === 0x7b ? 'utf8' : 'hex')}${bytes.length > maxSummary ? ' ...' : ''}`;
}

const unrecognized = (kind: string, why: string, bytes: Buffer): StatusError =>
  badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why} (${summary(bytes)})`);

/** JSON is YAML, too, and much faster to read as itself. */
async function readYaml(bytes: Buffer, kind: string, patchType: PatchType | undefined): Promise<ParsedYaml> {
  const text = bytes.toString('utf8');
  if (text.trimStart().startsWith('{')) {
    try {
      const value: unknown = parseJson(text);
      checkDepth(text);
      if (strangeMembers(text).length === 0) return { value, duplicates: [] };
    } catch (error) {
      if (error instanceof StatusError) throw error;
      // A flow mapping that is YAML but not JSON.
    }
  }
  try {
    return await parseYaml(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    const why = `yaml: ${error.message}`;
    if (patchType) throw badRequest(`error decoding YAML: error converting YAML to JSON: ${why}`);
    throw unrecognized(kind, why, bytes);
  }
}

/** No object of the API is as deep; what handles bodies recurses. */
const maxDepth = 250;

/** Counts the brackets of a JSON text. Throws BadRequest when they are nested too deeply. */
function checkDepth(json: string): void {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const c = json.charCodeAt(at);
    if (c === 0x22) at = endOfJsonString(json, at);
    else if (c === 0x7b || c === 0x5b) depth++;
    else if (c === 0x7d || c === 0x5d) depth--;
    if (depth > maxDepth) throw badRequest(`exceeded max depth of ${maxDepth}`);
  }
}
