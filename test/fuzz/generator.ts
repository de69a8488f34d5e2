import type { RawRequest } from '../../src/apiserver/replay/server.fake.ts';
import type { Exchange } from '../../src/apiserver/replay/transcript.ts';
import type { Rng } from '../../src/base/rng.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const strangeTexts = [
  '', ' ', 'a', 'A_', '..', '/', '%00', '\0', '\u202e', '🚢', 'null', '0', '-1', '1e999', '__proto__', 'constructor', 'toString', '*', 'a=b',
  'a in (b', '!a,', 'x'.repeat(300), '$patch', '$setElementOrder/containers', '$retainKeys', 'default', 'kube-system', 'f:metadata', '{{}}',
]; // biome-ignore format: a pool
const strangeValues: Json[] = [
  null, true, false, 0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, [], {}, [null], [[]], [{}], { '': {} }, { a: null }, { $patch: 'delete' },
  { $patch: 'replace' }, { $patch: 'x' }, [{ $patch: 'delete' }], { $retainKeys: ['a'] }, { __proto__x: 1 }, ...strangeTexts,
]; // biome-ignore format: a pool
const contentTypes = [
  'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json-patch+json', 'application/merge-patch+json',
  'application/strategic-merge-patch+json', 'application/apply-patch+yaml', 'text/plain', 'application/json; charset=utf-8', 'x', '', ';;',
]; // biome-ignore format: a pool
const accepts = [
  'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/json;as=Table;g=meta.k8s.io;v=v1', '*/*',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1', 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1', 'text/html', ';', 'a/b;q=x', 'application/json;q=0,application/yaml',
]; // biome-ignore format: a pool
const parameters = [
  'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'labelSelector', 'fieldSelector', 'timeoutSeconds', 'sendInitialEvents', 'watch',
  'allowWatchBookmarks', 'fieldManager', 'fieldValidation', 'force', 'pretty', 'gracePeriodSeconds', 'propagationPolicy', 'orphanDependents',
  'includeObject', 'container', 'tailLines', 'command', 'ports', 'path', 'x',
]; // biome-ignore format: a pool

/** Texts that take the stack of whoever recurses into them. */
const deep = [
  '['.repeat(5000),
  '- '.repeat(5000),
  '{a: '.repeat(5000),
  `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
  '? '.repeat(5000),
];

const writes = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Makes bad requests out of recorded good ones. None of them may change anything: writes are dry runs. */
export class Generator {
  readonly #rng: Rng;
  readonly #seeds: readonly Exchange[];

  constructor(rng: Rng, seeds: readonly Exchange[]) {
    this.#rng = rng;
    this.#seeds = seeds;
  }

  next(): RawRequest {
    const { request } = this.#one(this.#seeds);
    const method = this.#chance(0.05)
      ? this.#one([...writes, 'GET', 'HEAD', 'OPTIONS', 'TRACE', 'FOO'])
      : request.method;
    const headers = Object.fromEntries(
      Object.entries(request.headers ?? {}).flatMap(([name, value]) => (value ? [[name.toLowerCase(), value]] : [])),
    );
    delete headers.authorization;
    if (this.#chance(0.15)) headers['content-type'] = this.#one(contentTypes);
    if (this.#chance(0.3)) headers.accept = this.#one(accepts);
    const path = this.#path(request.path, method);
    const body = writes.has(method) ? this.#body(request.body as Json | undefined) : undefined;
    return {
      method,
      headers,
      path,
      body: method === 'DELETE' ? dryDeletion(body) : body,
      // A watch is left once it has answered.
      enough: path.includes('watch') ? () => true : undefined,
    };
  }

  #one<T>(pool: readonly T[]): T {
    return pool[Math.floor(this.#rng.next() * pool.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#rng.next() < share;
  }

  #path(recorded: string, method: string): string {
    const [path = '', text] = recorded.replace(/<[^>]*>/g, '1').split('?');
    const query = new URLSearchParams(text);
    while (this.#chance(0.4)) query.append(this.#one(parameters), this.#strangeParameter());
    query.delete('dryRun');
    if (writes.has(method)) query.append('dryRun', 'All');
    const parts = path
      .split('/')
      .map((part) => (this.#chance(0.03) ? encodeURIComponent(this.#one(strangeTexts)) : part));
    if (this.#chance(0.03)) parts.push(this.#one(['status', 'scale', 'eviction', 'binding', 'token', 'log', 'x', '']));
    return `/${parts.join('/').replace(/^\//, '')}?${query}`;
  }

  #strangeParameter(): string {
    return this.#one([
      'true',
      '1',
      '5',
      'metadata.name=x',
      'a=b',
      'All',
      'Exact',
      'NotOlderThan',
      'Strict',
      ...strangeTexts,
    ]);
  }

  #body(recorded: Json | undefined): string | Buffer {
    if (this.#chance(0.05)) return Buffer.from(this.#rng.bytes(Math.floor(this.#rng.next() * 200)));
    if (this.#chance(0.02)) return this.#one(deep);
    if (this.#chance(0.02)) return JSON.stringify({ metadata: { name: 'x' }, spec: nested(this.#one([50, 199, 500])) });
    const body = typeof recorded === 'string' ? recorded : (JSON.stringify(this.#mutated(recorded ?? {}, 0.04)) ?? '');
    return this.#chance(0.15) ? this.#mangled(body) : body;
  }

  /** The same value with some members replaced, left out, renamed or doubled. */
  #mutated(value: Json, share: number): Json {
    if (this.#chance(share)) return this.#one(strangeValues);
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#mutated(item, share));
      return this.#chance(share) ? [...items, ...items] : items;
    }
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).flatMap(([name, member]): [string, Json][] => {
      if (this.#chance(share / 2)) return [];
      return [[this.#chance(share / 2) ? this.#one(strangeTexts) : name, this.#mutated(member, share)]];
    });
    if (this.#chance(share)) members.push([this.#one(strangeTexts), this.#one(strangeValues)]);
    return Object.fromEntries(members);
  }

  #mangled(text: string): string {
    const at = Math.floor(this.#rng.next() * text.length);
    const cut = text.slice(0, at);
    const rest = text.slice(at + 1);
    return this.#one([
      cut,
      `${cut}${this.#one(strangeTexts)}${rest}`,
      `${text}${text}`,
      `${cut}\u0001${rest}`,
      `${cut}"${rest}`,
    ]);
  }
}

function nested(depth: number): Json {
  let value: Json = {};
  for (let i = 0; i < depth; i++) value = { a: value };
  return value;
}

/** The body of a deletion speaks for itself, without the query: one that says nothing of a dry run is left out. */
function dryDeletion(body: string | Buffer | undefined): string | Buffer | undefined {
  try {
    const parsed: unknown = JSON.parse(String(body));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return JSON.stringify({ ...parsed, dryRun: ['All'] });
  } catch {
    return undefined;
  }
}
