import { parseJson, toJson } from '../base/lossless-json.ts';
import { scaleView } from '../api/autoscaling/scale.ts';
import { partialMetadata, partialMetadataList, table, type IncludeObject } from '../api/meta/table.ts';
import { invalidValue } from '../api/meta/field-error.ts';
import { badRequest, StatusError } from '../api/meta/status-error.ts';
import { groupVersion, type KubeObject } from '../api/resource.ts';
import type { ApiContext } from './context.ts';
import { protobufList, protobufObject, protobufVersion } from './encode-protobuf.ts';
import { type Encoding, mediaTypes } from './negotiate.ts';
import type { Endpoint } from './endpoint.ts';
import type { Answer, ApiRequest } from './request.ts';

const newline = Buffer.from('\n');
const itemOpen = Buffer.from('{');
const comma = Buffer.from(',');

export interface Encoded {
  type: string;
  chunks: Buffer[];
}

type ListAnswer = Answer & { type: 'list' };

/** What the objects of an answer become before they are written. */
export type View = Parameters<typeof table>[0] & { version: Encoding['version']; as: Encoding['as'] };

export function viewOf(context: ApiContext, request: ApiRequest, encoding: Encoding): View {
  const { kind, strategy } = request.endpoint;
  const includeObject = includeOf(request, encoding);
  return { kind, strategy, includeObject, nowMs: context.clock.now(), version: encoding.version, as: encoding.as };
}

function includeOf(request: ApiRequest, encoding: Encoding): IncludeObject {
  const text = request.query.get('includeObject') || 'Metadata';
  if (encoding.as !== 'Table' || text === 'Metadata' || text === 'Object' || text === 'None')
    return text as IncludeObject;
  const { field, message } = invalidValue('includeObject', text, "must be 'Metadata', 'Object', 'None', or empty");
  throw badRequest(`Unable to convert to Table as requested: ${field}: ${message}`);
}

/** The body of an answer. Objects in their own form are sent as the bytes that are stored, in JSON. */
export function encodeAnswer(
  context: ApiContext,
  request: ApiRequest,
  answer: Answer,
  encoding: Encoding,
): Encoded | Promise<Encoded> {
  checkTransform(request, answer, encoding);
  if (encoding.format === 'protobuf') {
    return { type: mediaTypes.protobuf, chunks: [protobufBody(context, request, answer, encoding)] };
  }
  const chunks = jsonBody(context, request, answer, encoding);
  if (encoding.format === 'json') return { type: mediaTypes.json, chunks };
  const text = Buffer.concat(chunks).toString('utf8');
  return yamlOf(parseJson(text)).then((yaml) => ({ type: mediaTypes.yaml, chunks: [yaml] }));
}

/** A value as Kubernetes' YAML encoder writes it: sorted keys. */
export async function yamlOf(value: unknown): Promise<Buffer> {
  const { stringify } = await import('yaml');
  return Buffer.from(
    stringify(value, { version: '1.1', sortMapEntries: true, aliasDuplicateObjects: false, lineWidth: 0 }),
  );
}

/** One object is asked for as one, a list as a list. */
function checkTransform({ endpoint }: ApiRequest, answer: Answer, { as }: Encoding): void {
  if (!as) return;
  const type = `*${endpoint.kind.group.split('.')[0] || 'core'}.${endpoint.kind.kind}`;
  if (as === 'PartialObjectMetadata' && answer.type === 'list') {
    throw notAcceptable(`you requested PartialObjectMetadata, but the requested object is a list (${type}List)`);
  }
  if (as === 'PartialObjectMetadataList' && answer.type !== 'list') {
    throw notAcceptable(`you requested PartialObjectMetadataList, but the requested object is not a list (${type})`);
  }
}

const notAcceptable = (message: string): StatusError => StatusError.of('NotAcceptable', message);

function protobufBody(context: ApiContext, request: ApiRequest, answer: Answer, { as, version }: Encoding): Buffer {
  const { endpoint } = request;
  if (answer.type === 'watch') throw new Error('a watch has no body of its own');
  if (answer.type === 'list') {
    const metadata = listMetadata(answer);
    if (!as) return protobufList(context, endpoint, { versions: answer.versions, metadata });
    const objects = answer.versions.map((one) => context.objects.read<KubeObject>(one));
    return protobufObject(partialMetadataList(objects, metadata, version) as KubeObject);
  }
  if (answer.type === 'version' && !as) return protobufVersion(context, endpoint, answer.version);
  const object = answer.type === 'version' ? context.objects.read<KubeObject>(answer.version) : answer.object;
  return protobufObject(
    as && !isStatus(object) ? partialMetadata(object as KubeObject, version) : (object as KubeObject),
  );
}

const isStatus = (object: object): boolean => (object as KubeObject).kind === 'Status';

function jsonBody(context: ApiContext, request: ApiRequest, answer: Answer, encoding: Encoding): Buffer[] {
  if (answer.type === 'watch') throw new Error('a watch has no body of its own');
  if (answer.type === 'version' && !encoding.as) return [answer.version.bytes, newline];
  const view = viewOf(context, request, encoding);
  if (answer.type === 'list') return encodeList(context, request, answer, view);
  if (answer.type === 'version') return [json(viewed(view, context.objects.read(answer.version)))];
  const object = answer.object as KubeObject;
  const ownView = object.kind === 'Scale' ? { ...view, ...scaleView } : view;
  return [json(encoding.as && !isStatus(object) ? viewed(ownView, object) : object)];
}

export const json = (value: unknown): Buffer => Buffer.from(`${toJson(value)}\n`);

const versionOf = ({ metadata }: KubeObject) =>
  metadata?.resourceVersion ? { resourceVersion: metadata.resourceVersion } : {};

export const viewed = (view: View, object: KubeObject, withColumns = true): object =>
  view.as === 'Table'
    ? table(view, [object], { metadata: versionOf(object), withColumns })
    : partialMetadata(object, view.version);

/** What is not stored has no revision. */
const listMetadata = (answer: ListAnswer) => ({
  ...(answer.revision > 0 ? { resourceVersion: String(answer.revision) } : {}),
  ...(answer.continueToken ? { continue: answer.continueToken } : {}),
  ...(answer.remaining ? { remainingItemCount: answer.remaining } : {}),
});

function encodeList(context: ApiContext, request: ApiRequest, answer: ListAnswer, view: View): Buffer[] {
  const metadata = listMetadata(answer);
  if (view.as) {
    const objects = answer.versions.map((version) => context.objects.read<KubeObject>(version));
    if (view.as === 'Table') return [json(table(view, objects, { metadata }))];
    return [json(partialMetadataList(objects, metadata, view.version))];
  }
  const { kind } = request.endpoint;
  const head = { kind: kind.listKind ?? `${kind.kind}List`, apiVersion: groupVersion(kind), metadata };
  const chunks: Buffer[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`)];
  const { itemsAreTyped } = request.endpoint;
  const skipped = typeMetaLength(request.endpoint);
  answer.versions.forEach((version, i) => {
    if (i > 0) chunks.push(comma);
    if (itemsAreTyped) chunks.push(version.bytes);
    else chunks.push(itemOpen, version.bytes.subarray(skipped));
  });
  chunks.push(Buffer.from(']}\n'));
  return chunks;
}

/** Length of `{"kind":…,"apiVersion":…,`: items of a list do not repeat what the list says. */
function typeMetaLength(endpoint: Endpoint): number {
  return Buffer.byteLength(`{"kind":"${endpoint.kind.kind}","apiVersion":"${groupVersion(endpoint.kind)}",`);
}

/** Size of what is to be sent. */
export const byteLength = (chunks: readonly Buffer[]): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
