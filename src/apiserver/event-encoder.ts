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

/** What was encoded in one format, shared by all watchers that see it alike. */
export class EncodedEvents {
  readonly one = new WeakMap<StoreEvent, Buffer>();
  /** The newest batch: whoever lags, lags as the one before did. */
  #last: { events: readonly StoreEvent[]; bytes: Buffer } | undefined;

  batch(events: readonly StoreEvent[], join: () => Buffer): Buffer {
    const last = this.#last;
    if (last?.events.length === events.length && last.events.every((event, i) => event === events[i]))
      return last.bytes;
    const bytes = join();
    if (bytes.length <= maxBatchBytes) this.#last = { events, bytes };
    return bytes;
  }
}

/** Larger batches are lists, which one watcher gets. */
const maxBatchBytes = 2 ** 20;

/** By format. */
export interface SharedEvents {
  json: EncodedEvents;
  protobuf: EncodedEvents;
}

/** Writes the events of one watch; the bytes of an event are made once for all watchers that see it alike. */
export class EventEncoder {
  readonly #shared: EncodedEvents;
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

  /** Alone, the bytes go out as they are: all watches share them. */
  encode(event: StoreEvent): Buffer {
    if (this.#view.as) return this.#frame(event.type, this.#viewed(this.#context.objects.readEvent(event)));
    const known = this.#shared.one.get(event);
    if (known) return known;
    const bytes = this.#protobuf
      ? encodeWatchEvent(event.type, protobufVersion(this.#context, this.#endpoint, event.version))
      : Buffer.concat([Buffer.from(`{"type":"${event.type}","object":`), event.version.bytes, eventEnd]);
    this.#shared.one.set(event, bytes);
    return bytes;
  }

  /** The bytes of several, in their order. */
  encodeAll(events: readonly StoreEvent[]): Buffer {
    if (events.length === 1) return this.encode(events[0] as StoreEvent);
    const joined = () => Buffer.concat(events.map((event) => this.encode(event)));
    return this.#view.as ? joined() : this.#shared.batch(events, joined);
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
