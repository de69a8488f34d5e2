import { toJson } from '../../base/lossless-json.ts';
import { createHash } from 'node:crypto';
import { servedKinds } from '../../api/generated/kinds.ts';
import { schemaTable } from '../../api/generated/schema.ts';
import type { GroupVersions, Kind } from '../../api/kind.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import type { SchemaTable } from '../../api/schema/table.ts';
import { nextTurn } from '../../base/clock.ts';
import { parseAccept, takes } from '../discovery/accept.ts';
import { groupsOf, type Remotes } from '../discovery/discovery.ts';
import type { RemoteGroupVersion } from '../aggregation/api-services.ts';
import type { PublishedType } from '../../api/object-type.ts';
import { gitVersion } from '../discovery/version.ts';
import type { Registry } from '../registry.ts';
import { type ApiModel, documentV2, documentV2Protobuf, documentV3, modelOf } from './document.ts';
import { openapi2, openapi3 } from './flavor.ts';
import { rootOf } from './paths.ts';
import { protobufAccept, protobufType } from './protobuf.ts';

export interface OpenApiRequest {
  path: string;
  accept?: string | undefined;
  /** `hash` of the query: the version of the document that the index promised. */
  hash?: string | undefined;
}

export interface OpenApiAnswer {
  /** 301 when another version was asked for than there is: `location` has the right one. */
  code: 200 | 301;
  body: Buffer;
  contentType: string;
  /** For `If-None-Match`. */
  etag?: string;
  location?: string;
  /** A document asked for by its hash never changes. */
  cacheControl?: string;
}

/** Answers a GET below `/openapi`; undefined when there is nothing. Rejects with `StatusError` NotAcceptable. */
export type OpenApi = (request: OpenApiRequest) => Promise<OpenApiAnswer | undefined>;

export interface OpenApiOptions {
  schemas?: SchemaTable;
  groups?: readonly GroupVersions[];
  /** Types that the table does not have, by name. */
  custom?: ReadonlyMap<string, PublishedType>;
  /** What other servers serve. */
  remotes?: readonly RemoteGroupVersion[];
}

/** What one list of kinds can take over from another: documents by their hash and format, and what never changes of the hash. */
interface Kept {
  seed: string;
  built: Map<string, Map<string, Promise<Buffer>>>;
}

/** Text or bytes made in one turn of the event loop: about a millisecond's worth. */
const turnSize = 32 * 1024;

/** Joins pieces to bytes, giving way to others between turns. */
async function assemble(pieces: Iterable<string | Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let turn = 0;
  for (const piece of pieces) {
    chunks.push(typeof piece === 'string' ? Buffer.from(piece) : piece);
    turn += piece.length;
    if (turn < turnSize) continue;
    turn = 0;
    await nextTurn();
  }
  return Buffer.concat(chunks);
}

const sha = (...parts: string[]): string => {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').toUpperCase();
};

/** The documents over one list of kinds, each built when first asked for and kept as bytes. */
class Documents {
  readonly #model: ApiModel;
  readonly #kinds = new Map<string, Kind[]>();
  readonly #hashes = new Map<string, string>();
  readonly #kept: Kept;
  readonly #remotes: readonly RemoteGroupVersion[];

  constructor(kinds: readonly Kind[], options: OpenApiOptions, kept: Kept) {
    const {
      schemas = schemaTable,
      groups = groupsOf(kinds),
      custom = new Map<string, PublishedType>(),
      remotes = [],
    } = options;
    this.#model = modelOf(schemas, groups, custom);
    this.#remotes = remotes;
    this.#kept = kept;
    for (const kind of kinds) {
      const key = rootOf(kind).slice(1);
      this.#kinds.set(key, [...(this.#kinds.get(key) ?? []), kind]);
    }
  }

  /** `api/v1`, `apis/apps/v1`, …: the keys of the index. */
  keys(): string[] {
    return [...this.#kinds.keys()];
  }

  /** The documents of other servers, by their keys. */
  remoteUrls(): [key: string, url: string][] {
    return this.#remotes.flatMap(({ group, version, openApiUrl }) =>
      openApiUrl ? [[`apis/${group}/${version}`, openApiUrl]] : [],
    );
  }

  /**
   * The version of a document, from what it is made from: the index names all of them and must not build them. The seed
   * covers the schema table, serialized once.
   */
  hash(key: string): string {
    this.#kept.seed ||= sha(gitVersion, toJson(this.#model.table), toJson(this.#model.groups));
    const known = this.#hashes.get(key) ?? this.#hash(this.#kinds.get(key));
    this.#hashes.set(key, known);
    return known;
  }

  /** Of all kinds, other servers' included, unless told which. */
  #hash(own: Kind[] | undefined): string {
    const kinds = own ?? [...this.#kinds.values()].flat();
    const others = own ? [] : this.#remotes.map(({ openApi }) => openApi);
    const custom = kinds.map((kind) => this.#model.custom.get(kind.type)).filter((type) => type !== undefined);
    return sha(
      this.#kept.seed,
      toJson(kinds),
      custom.length > 0 ? toJson(custom) : '',
      others.length > 0 ? toJson(others) : '',
    );
  }

  groupVersion(key: string): Promise<Buffer> | undefined {
    const kinds = this.#kinds.get(key);
    return kinds && this.#once(key, () => documentV3(openapi3, this.#model, kinds));
  }

  everything(format: 'json' | 'protobuf'): Promise<Buffer> {
    const write = format === 'json' ? documentV2 : documentV2Protobuf;
    return this.#once(
      'v2',
      () =>
        write(
          openapi2,
          { ...this.#model, added: this.#remotes.flatMap(({ openApi }) => openApi ?? []) },
          [...this.#kinds.values()].flat(),
        ),
      format,
    );
  }

  #once(key: string, pieces: () => Iterable<string | Buffer>, format = 'json'): Promise<Buffer> {
    const hash = this.hash(key);
    const built = this.#kept.built.get(hash) ?? new Map<string, Promise<Buffer>>();
    this.#kept.built.set(hash, built);
    const document = built.get(format) ?? assemble(pieces());
    built.set(format, document);
    return document;
  }

  /** Forgets what belongs to other lists of kinds. */
  sweep(): void {
    const current = new Set([...this.keys(), 'v2'].map((key) => this.hash(key)));
    for (const hash of this.#kept.built.keys()) if (!current.has(hash)) this.#kept.built.delete(hash);
  }
}

function requireJson(accept: string | undefined): void {
  const json = parseAccept(accept).some((range) => takes(range, 'application/json'));
  if (!json) throw StatusError.of('NotAcceptable', 'only the following media types are accepted: application/json');
}

const contentType = 'application/json';

function index(documents: Documents): OpenApiAnswer {
  const paths = Object.fromEntries(
    documents.keys().map((key) => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${documents.hash(key)}` }]),
  );
  for (const [key, serverRelativeURL] of documents.remoteUrls()) paths[key] = { serverRelativeURL };
  const body = Buffer.from(`${toJson({ paths })}\n`);
  return { code: 200, body, contentType, etag: `"${sha(body.toString())}"` };
}

async function groupVersion(
  documents: Documents,
  key: string,
  asked: string | undefined,
): Promise<OpenApiAnswer | undefined> {
  const built = documents.groupVersion(key);
  if (!built) return undefined;
  const hash = documents.hash(key);
  if (asked !== undefined && asked !== hash)
    return { code: 301, body: Buffer.alloc(0), contentType, location: `/openapi/v3/${key}?hash=${hash}` };
  const answer: OpenApiAnswer = { code: 200, body: await built, contentType, etag: `"${hash}"` };
  return asked === undefined ? answer : { ...answer, cacheControl: 'public, immutable' };
}

async function everything(documents: Documents, accept: string | undefined): Promise<OpenApiAnswer> {
  const etag = `"${documents.hash('v2')}"`;
  const [best] = parseAccept(accept);
  if (best?.type === protobufAccept || best?.type === protobufType)
    return { code: 200, body: await documents.everything('protobuf'), contentType: protobufType, etag };
  requireJson(accept);
  return { code: 200, body: await documents.everything('json'), contentType, etag };
}

/** OpenAPI over a list of kinds. A changed list means a new one. */
export function createOpenApi(kinds: readonly Kind[] = servedKinds, options: OpenApiOptions = {}): OpenApi {
  return answering(new Documents(kinds, options, { seed: '', built: new Map() }));
}

/** OpenAPI of all that is served, by this server and by others; what does not change with it is built once. */
export function openApiOf(registry: Registry, remotes: Remotes): OpenApi {
  const kept: Kept = { seed: '', built: new Map() };
  const builtIn = registry.builtInKinds();
  const groups = groupsOf(builtIn);
  let made: { at: string; openApi: OpenApi } | undefined;
  return (request) => {
    const at = `${registry.revision} ${remotes.revision}`;
    if (made?.at !== at) {
      const added = registry.added();
      const custom = new Map(added.flatMap(({ kind, type }) => (type.published ? [[kind.type, type.published]] : [])));
      const options = { groups, custom, remotes: remotes.groupVersions() };
      const documents = new Documents([...builtIn, ...added.map(({ kind }) => kind)], options, kept);
      documents.sweep();
      made = { at, openApi: answering(documents) };
    }
    return made.openApi(request);
  };
}

function answering(documents: Documents): OpenApi {
  return async ({ path, accept, hash }) => {
    const [, root, version, ...rest] = path.replace(/\/$/, '').split('/');
    if (root !== 'openapi' || (version !== 'v2' && version !== 'v3')) return undefined;
    if (version === 'v2' && rest.length > 0) return undefined;
    const key = rest.join('/');
    if (key !== '' && !documents.keys().includes(key)) return undefined;
    if (version === 'v2') return everything(documents, accept);
    requireJson(accept);
    return key === '' ? index(documents) : groupVersion(documents, key, hash);
  };
}
