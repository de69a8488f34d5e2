import { StatusError } from '../api/meta/status-error.ts';
import { parseAccept } from './discovery/accept.ts';

export type Format = 'json' | 'yaml' | 'protobuf';

/** How an answer is to be written. */
export interface Encoding {
  readonly format: Format;
  /** `Table` or `PartialObjectMetadata(List)` of meta.k8s.io instead of the objects themselves. */
  readonly as?: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
  readonly version: 'v1' | 'v1beta1';
}

/** What can be asked for, where. */
export interface Offer {
  /** An event stream: no YAML. */
  watch: boolean;
  /** There are printer columns: not for scales and reviews. */
  table: boolean;
  /** Custom resources have no protobuf form. */
  protobuf: boolean;
}

export const mediaTypes: Record<Format, string> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

const formats = new Map((Object.entries(mediaTypes) as [Format, string][]).map(([format, type]) => [type, format]));
formats.set('*/*', 'json');

/** Kubernetes' router refuses what it has never heard of, before anything is negotiated. */
const routable = new Set([...formats.keys(), 'application/json;stream=watch']);

const transforms = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

function offered(offer: Offer): Format[] {
  return (['json', 'yaml', 'protobuf'] as const).filter(
    (format) => (format !== 'protobuf' || offer.protobuf) && (format !== 'yaml' || !offer.watch),
  );
}

/** How many headers are remembered for an offer, and up to which length: those of real clients are few and short. */
const remembered = { headers: 256, length: 512 };

/** Negotiates, and remembers what came of it: a client sends the same header with every request. */
export class Negotiator {
  /** By offer, then by header. */
  readonly #known = new Map<number, Map<string, Encoding>>();

  /** The first encoding of an `Accept` header that is spoken here. Throws 406 when there is none. */
  negotiate(accept: string | undefined, offer: Offer): Encoding {
    const header = accept ?? '';
    const key = (offer.watch ? 1 : 0) | (offer.table ? 2 : 0) | (offer.protobuf ? 4 : 0);
    const known = this.#known.get(key);
    const found = known?.get(header);
    if (found) return found;
    const encoding = negotiate(accept, offer);
    if (header.length > remembered.length) return encoding;
    if (known && known.size < remembered.headers) known.set(header, encoding);
    else this.#known.set(key, new Map([[header, encoding]]));
    return encoding;
  }
}

function negotiate(accept: string | undefined, offer: Offer): Encoding {
  const ranges = parseAccept(accept);
  const available = offered(offer);
  for (const { type, parameters } of ranges) {
    const format = formats.get(type);
    if (!format || !available.includes(format)) continue;
    const { as, g, v } = parameters;
    if (!as) return { format, version: 'v1' };
    if (!transforms.has(as) || g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) continue;
    if (as === 'Table' && (!offer.table || format === 'protobuf')) continue;
    return { format, as: as as 'Table', version: v };
  }
  if (!ranges.some(({ type }) => routable.has(type))) throw unroutable(offer);
  const accepted = available.map((format) => mediaTypes[format] + (offer.watch ? ';stream=watch' : ''));
  throw StatusError.of('NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

function unroutable(offer: Offer): StatusError {
  const all = offered({ ...offer, watch: false }).map((format) => mediaTypes[format]);
  const streams = offered({ ...offer, watch: true }).map((format) => `${mediaTypes[format]};stream=watch`);
  const representations = [...all, ...streams].join(', ');
  return StatusError.of('NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${representations}`, {});
}

/** The format of an error: the best that the client takes, JSON when it takes none. */
export function errorFormat(accept: string | undefined): Format {
  for (const { type } of parseAccept(accept)) {
    const format = formats.get(type);
    if (format) return format;
  }
  return 'json';
}
