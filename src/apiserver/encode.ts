import { scaleView } from '../api/autoscaling/scale.ts';
import { partialMetadata, partialMetadataList, table, type IncludeObject } from '../api/meta/table.ts';
import { groupVersion, type KubeObject } from '../api/resource.ts';
import type { StoreEvent } from '../store/version.ts';
import type { ApiContext } from './context.ts';
import type { Encoding } from './negotiate.ts';
import type { Endpoint } from './endpoint.ts';
import type { Answer, ApiRequest } from './request.ts';

const newline = Buffer.from('\n');
const itemOpen = Buffer.from('{');
const comma = Buffer.from(',');

/** The body of an answer as JSON chunks; objects in their own form are sent as the bytes that are stored. */
export function encodeAnswer(context: ApiContext, request: ApiRequest, answer: Answer, encoding: Encoding): Buffer[] {
  const view = viewOf(context, request, encoding);
  if (answer.type === 'version') {
    if (!encoding.as) return [answer.version.bytes, newline];
    return [json(viewed(view, context.objects.read(answer.version)))];
  }
  if (answer.type === 'object') {
    const object = answer.object as KubeObject;
    const ownView = object.kind === 'Scale' ? { ...view, ...scaleView } : view;
    return [json(encoding.as && object.kind !== 'Status' ? viewed(ownView, object) : object)];
  }
  if (answer.type === 'watch') throw new Error('a watch has no body of its own');
  return encodeList(context, request, answer, view);
}

type ListAnswer = Answer & { type: 'list' };
/** What a representation is made from. */
type View = Parameters<typeof table>[0] & { version: Encoding['version']; as: Encoding['as'] };

function viewOf(context: ApiContext, request: ApiRequest, encoding: Encoding): View {
  const { kind, strategy } = request.endpoint;
  const includeObject = (request.query.get('includeObject') || 'Metadata') as IncludeObject;
  return { kind, strategy, includeObject, nowMs: context.clock.now(), version: encoding.version, as: encoding.as };
}

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

const versionOf = (object: KubeObject) => ({ resourceVersion: object.metadata.resourceVersion });

const viewed = (view: View, object: KubeObject, withColumns = true): object =>
  view.as === 'Table'
    ? table(view, [object], { metadata: versionOf(object), withColumns })
    : partialMetadata(object, view.version);

function encodeList(context: ApiContext, request: ApiRequest, answer: ListAnswer, view: View): Buffer[] {
  const metadata = {
    resourceVersion: String(answer.revision),
    ...(answer.continueToken ? { continue: answer.continueToken } : {}),
    ...(answer.remaining ? { remainingItemCount: answer.remaining } : {}),
  };
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

const eventEnd = Buffer.from('}\n');

/** Writes the events of one watch; the bytes of an event are made once for all watchers that see it alike. */
export class EventEncoder {
  readonly #shared: WeakMap<StoreEvent, Buffer>;
  readonly #view: View;
  readonly #context: ApiContext;
  #first = true;

  constructor(
    context: ApiContext,
    request: ApiRequest,
    options: { encoding: Encoding; shared: WeakMap<StoreEvent, Buffer> },
  ) {
    this.#context = context;
    this.#view = viewOf(context, request, options.encoding);
    this.#shared = options.shared;
  }

  encode(event: StoreEvent): Buffer {
    if (this.#view.as) {
      const object = viewed(this.#view, this.#context.objects.read(event.version), this.#first);
      this.#first = false;
      return json({ type: event.type, object });
    }
    const known = this.#shared.get(event);
    if (known) return known;
    const bytes = Buffer.concat([Buffer.from(`{"type":"${event.type}","object":`), event.version.bytes, eventEnd]);
    this.#shared.set(event, bytes);
    return bytes;
  }

  bookmark(endpoint: Endpoint, revision: number, initialEventsEnd: boolean): Buffer {
    const annotations = initialEventsEnd ? { 'k8s.io/initial-events-end': 'true' } : undefined;
    const metadata = { resourceVersion: String(revision), ...(annotations ? { annotations } : {}) };
    const own = { kind: endpoint.kind.kind, apiVersion: groupVersion(endpoint.kind), metadata };
    if (!this.#view.as) return json({ type: 'BOOKMARK', object: own });
    const object = { ...own, metadata: { name: '', ...metadata } } as KubeObject;
    return json({ type: 'BOOKMARK', object: viewed(this.#view, object, false) });
  }
}

/** Size of what is to be sent. */
export const byteLength = (chunks: readonly Buffer[]): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
