import { initialEventsEndAnnotation } from '../api/meta/well-known.ts';
import { groupVersion, type KubeObject } from '../api/resource.ts';
import { encodeWatchEvent } from '../api/schema/protobuf-encode.ts';
import type { Status } from '../api/generated/types.ts';
import type { StoreEvent } from '../store/version.ts';
import type { ApiContext } from './context.ts';
import { json, type View, viewed, viewOf } from './encode.ts';
import { protobufObject, protobufVersion } from './encode-protobuf.ts';
import type { Encoding } from './negotiate.ts';
import type { Endpoint } from './endpoint.ts';
import type { ApiRequest } from './request.ts';

const eventEnd = Buffer.from('}\n');

/** Encoded events, shared by all watchers that see them alike. */
export interface SharedEvents {
  json: WeakMap<StoreEvent, Buffer>;
  protobuf: WeakMap<StoreEvent, Buffer>;
}

/** Writes the events of one watch; the bytes of an event are made once for all watchers that see it alike. */
export class EventEncoder {
  readonly #shared: WeakMap<StoreEvent, Buffer>;
  readonly #view: View;
  readonly #context: ApiContext;
  readonly #endpoint: Endpoint;
  readonly #protobuf: boolean;
  #first = true;

  constructor(context: ApiContext, request: ApiRequest, options: { encoding: Encoding; shared: SharedEvents }) {
    const { encoding, shared } = options;
    this.#context = context;
    this.#endpoint = request.endpoint;
    this.#view = viewOf(context, request, encoding);
    this.#protobuf = encoding.format === 'protobuf';
    this.#shared = this.#protobuf ? shared.protobuf : shared.json;
  }

  encode(event: StoreEvent): Buffer {
    if (this.#view.as) return this.#frame(event.type, this.#viewed(this.#context.objects.read(event.version)));
    const known = this.#shared.get(event);
    if (known) return known;
    const bytes = this.#protobuf
      ? encodeWatchEvent(event.type, protobufVersion(this.#context, this.#endpoint, event.version))
      : Buffer.concat([Buffer.from(`{"type":"${event.type}","object":`), event.version.bytes, eventEnd]);
    this.#shared.set(event, bytes);
    return bytes;
  }

  bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    const annotations = initialEventsEnd ? { [initialEventsEndAnnotation]: 'true' } : undefined;
    const metadata = { resourceVersion: String(revision), ...(annotations ? { annotations } : {}) };
    const { kind } = this.#endpoint;
    const object = { kind: kind.kind, apiVersion: groupVersion(kind), metadata } as KubeObject;
    return this.#frame('BOOKMARK', this.#view.as ? this.#viewed(object) : object);
  }

  error(status: Status): Buffer {
    return this.#frame('ERROR', status);
  }

  /** Only the first table of a watch has its columns described. */
  #viewed(object: KubeObject): object {
    const out = viewed(this.#view, object, this.#first);
    this.#first = false;
    return out;
  }

  #frame(type: string, object: object): Buffer {
    return this.#protobuf ? encodeWatchEvent(type, protobufObject(object as KubeObject)) : json({ type, object });
  }
}
