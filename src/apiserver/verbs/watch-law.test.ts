import { Reader } from 'protobufjs/minimal.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { namespaces, serviceaccounts } from '../../api/generated/resources.ts';
import { groupResource } from '../../api/resource.ts';
import { decodeProtobuf } from '../../api/schema/protobuf-decode.ts';
import { envelope } from '../../api/schema/protobuf-encode.ts';
import { type Rng, seededRng } from '../../base/rng.ts';
import type { Endpoint } from '../endpoint.ts';
import { mediaTypes } from '../negotiate.ts';
import { rootOf } from '../openapi/paths.ts';
import { caseFiles, readCases } from '../refusals/cases.fake.ts';
import { isStored } from '../registry.ts';
import { startTestServer, type TestServer } from '../replay/server.fake.ts';

/**
 * The law: a list, and the events that a watch tells from its resourceVersion on, are the list of the version that the watch has come to.
 * Over all kinds that the refusals have an object of, and a custom one, through selectors of both sorts, in JSON and protobuf, over
 * watches that end and resume, with writes of all sorts between. What happens follows from the seed.
 */
const seeds = [1, 2, 3];
const kindsAtOnce = 12;
const writesBetween = 80;

type Json = Record<string, unknown>;
interface Meta {
  name: string;
  namespace?: string;
  resourceVersion: string;
}
type Item = Json & { metadata: Meta };

/** A kind, and an object of it that the server takes. */
interface Subject {
  endpoint: Endpoint;
  base: Json & { metadata?: Partial<Meta> };
}

let server: TestServer;
let subjects: Subject[];
const spaces = ['t1', 't2'];
const names = ['a', 'b', 'c'];

const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.law.test' },
  spec: {
    group: 'law.test',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
    versions: ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      selectableFields: [{ jsonPath: '.spec.size' }],
      subresources: { status: {} },
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: {
            spec: { type: 'object', properties: { size: { type: 'string', default: 'small' } } },
            status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      },
    })),
  },
};

async function send(method: string, path: string, body?: unknown, type = mediaTypes.json): Promise<Json> {
  const headers = { 'content-type': type, accept: mediaTypes.json };
  const answer = await server.send({
    method,
    path,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { ...(JSON.parse(answer.body.toString() || '{}') as Json), httpStatus: answer.status };
}

/** The server itself writes them, or what they say is done at once. */
const left = new Set([
  'customresourcedefinitions',
  'apiservices',
  'namespaces',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
]);

beforeAll(async () => {
  server = await startTestServer({ serving: { runtimeConfig: { 'api/all': true } } });
  for (const namespace of spaces) {
    await server.admin.create(namespaces, { metadata: { name: namespace } });
    await server.admin.create(serviceaccounts, { metadata: { namespace, name: 'default' } });
  }
  await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgets);
  const { registry } = server.api.context;
  await vi.waitUntil(() => registry.find('law.test', 'v2', 'widgets'), { timeout: 30_000 });
  const bases = new Map(caseFiles().flatMap((file) => [...readCases(file).bases]));
  bases.set('widgets.law.test', { spec: {} });
  const byVersion = [...registry.builtInKinds(), ...registry.added().map(({ kind }) => kind)];
  subjects = byVersion.flatMap((kind) => {
    const endpoint = registry.find(kind.group, kind.version, kind.resource);
    const base = bases.get(groupResource(kind));
    const isWatched = endpoint && isStored(endpoint) && kind.verbs.includes('watch') && kind.verbs.includes('create');
    return isWatched && base && !left.has(kind.resource) ? [{ endpoint, base }] : [];
  });
}, 60_000);
afterAll(() => server.close());

const pick = <T>(rng: Rng, list: readonly T[]): T => list[Math.floor(rng.next() * list.length)] as T;

const collectionOf = ({ endpoint: { kind } }: Subject, namespace = ''): string =>
  `${rootOf(kind)}${namespace ? `/namespaces/${namespace}` : ''}/${kind.resource}`;

const labels = (rng: Rng): Json =>
  Object.fromEntries(['x', 'y'].filter(() => rng.next() < 0.6).map((key) => [key, pick(rng, ['1', '2'])]));

const labelSelectors = ['x', 'x=1', '!x', 'x in (1,2),y', 'x notin (1)', 'y!=2', 'x,y=1'];

/** By fields that only some kinds have. */
const own: Record<string, string[]> = {
  pods: ['spec.nodeName=n1', 'status.phase=Running', 'status.phase!=Pending,spec.nodeName!=n2'],
  'widgets.law.test': ['spec.size=small', 'spec.size!=large'],
};

function fieldSelectors({ endpoint }: Subject): string[] {
  const here = endpoint.kind.namespaced ? ['metadata.namespace=t1', 'metadata.namespace!=t1,metadata.name=b'] : [];
  return ['metadata.name=a', 'metadata.name!=a', ...here, ...(own[groupResource(endpoint.kind)] ?? [])];
}

/** One collection as one client follows it. */
interface Follower {
  path: string;
  query: string;
  format: 'json' | 'protobuf';
  revision: string;
  known: Map<string, Item>;
}

const keyOf = ({ metadata }: Item): string => `${metadata.namespace ?? ''}/${metadata.name}`;

/** Events name their kind, items of lists do not. */
function plain({ kind: _kind, apiVersion: _version, ...rest }: Json): Item {
  return rest as Item;
}

async function listOf({ path, query, format }: Follower, exact = ''): Promise<{ items: Item[]; revision: string }> {
  const at = exact ? `&resourceVersion=${exact}&resourceVersionMatch=Exact` : '';
  const { status, body } = await server.send({
    method: 'GET',
    path: `${path}?${query}${at}`,
    headers: { accept: mediaTypes[format] },
  });
  if (status !== 200) throw new Error(`${path}?${query}${at}: ${body.toString()}`);
  if (format === 'protobuf') return protobufList(body);
  const { items = [], metadata } = JSON.parse(body.toString()) as { items?: Json[]; metadata: Meta };
  return { items: items.map(plain), revision: metadata.resourceVersion };
}

/** The fields of a message that have a length. */
function fieldsOf(bytes: Uint8Array): [number, Uint8Array][] {
  const reader = new Reader(bytes);
  const found: [number, Uint8Array][] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === 2) found.push([tag >>> 3, reader.bytes()]);
    else reader.skipType(tag & 7);
  }
  return found;
}

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

/** `k8s\0`, then Unknown {typeMeta, raw}; a list is {metadata, items}, whose items have the kind without `List`. */
function protobufList(body: Buffer): { items: Item[]; revision: string } {
  const outer = new Map(fieldsOf(body.subarray(4)));
  const type = new Map(fieldsOf(outer.get(1) as Uint8Array));
  const [apiVersion, kind] = [textOf(type.get(1)), textOf(type.get(2)).replace(/List$/, '')];
  const parts = fieldsOf(outer.get(2) as Uint8Array);
  const revision = textOf(new Map(fieldsOf(parts.find(([field]) => field === 1)?.[1] as Uint8Array)).get(2));
  const items = parts
    .filter(([field]) => field === 2)
    .map(([, item]) => plain(decodeProtobuf(envelope(apiVersion, kind, item))));
  return { items, revision };
}

interface Event {
  type: string;
  object: Item;
}

function eventsOf(format: Follower['format'], body: Buffer): Event[] {
  if (format === 'json')
    return body
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Event);
  const found: Event[] = [];
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at);
    const event = new Map(fieldsOf(body.subarray(at + 4, at + 4 + length)));
    const [[, raw] = []] = fieldsOf(event.get(2) as Uint8Array);
    const [type, object] = [textOf(event.get(1)), decodeProtobuf(Buffer.from(raw ?? []))];
    found.push({ type, object: object as Item });
    at += 4 + length;
  }
  return found;
}

/** Which sorts of events were told of which collections. */
const told = new Set<string>();

/** The state is the list's, then the events'. */
function applyEvents(follower: Follower, events: readonly Event[]): void {
  const { known, path, query, format } = follower;
  for (const { type, object } of events) {
    const about = [path, query, format, type, object.metadata?.name];
    const revision = Number(object.metadata?.resourceVersion);
    // No event twice, none out of order.
    if (type === 'BOOKMARK') expect(revision, String(about)).toBeGreaterThanOrEqual(Number(follower.revision));
    else {
      expect(['ADDED', 'MODIFIED', 'DELETED'], JSON.stringify([about, object])).toContain(type);
      expect(revision, String(about)).toBeGreaterThan(Number(follower.revision));
      const item = plain(object);
      expect([...about, known.has(keyOf(item))]).toEqual([...about, type !== 'ADDED']);
      told.add(`${path.replace('/namespaces/t1', '')} ${type}`);
      if (type === 'DELETED') known.delete(keyOf(item));
      else known.set(keyOf(item), item);
    }
    follower.revision = object.metadata.resourceVersion;
  }
}

const watchOf = async (follower: Follower): Promise<void> => {
  const { path, query, format, revision } = follower;
  const full = `${path}?watch=1&allowWatchBookmarks=true&resourceVersion=${revision}&${query}`;
  const { body } = await server.send({ method: 'GET', path: full, headers: { accept: mediaTypes[format] } });
  applyEvents(follower, eventsOf(format, body));
};

/** One write, of whatever sort; what cannot be is refused, and that is no event. */
async function write(rng: Rng, subject: Subject): Promise<void> {
  const { endpoint, base } = subject;
  const { kind } = endpoint;
  const namespace = kind.namespaced ? pick(rng, spaces) : '';
  const collection = collectionOf(subject, namespace);
  const name = base.metadata?.name ?? pick(rng, names);
  const path = `${collection}/${name}`;
  const head = { apiVersion: kind.group ? `${kind.group}/${kind.version}` : kind.version, kind: kind.kind };
  const merge = (at: string, body: Json) => send('PATCH', at, body, 'application/merge-patch+json');
  const writes: (() => Promise<unknown>)[] = [
    () =>
      send('POST', collection, {
        ...base,
        ...head,
        metadata: { ...base.metadata, name, namespace, labels: labels(rng) },
      }),
    () =>
      send('POST', collection, {
        ...base,
        ...head,
        metadata: { ...base.metadata, name, namespace, labels: labels(rng) },
      }),
    () => merge(path, { metadata: { labels: { x: null, y: null, ...labels(rng) } } }),
    async () => {
      const { httpStatus, ...object } = await send('GET', path);
      if (httpStatus !== 200) return;
      (object as Item & { metadata: { labels?: Json } }).metadata.labels = labels(rng);
      await send('PUT', path, object);
    },
    () =>
      send(
        'PATCH',
        `${path}?fieldManager=law&force=true`,
        {
          ...head,
          metadata: { name, ...(namespace ? { namespace } : {}), annotations: { 'law.test/n': String(rng.next()) } },
        },
        'application/apply-patch+yaml',
      ),
    // A write that changes nothing.
    () => merge(path, {}),
    () => send('DELETE', `${path}?gracePeriodSeconds=0`),
    async () => {
      await merge(path, { metadata: { finalizers: ['law.test/hold'] } });
      await send('DELETE', `${path}?gracePeriodSeconds=0`);
    },
    () => merge(path, { metadata: { finalizers: null } }),
    () =>
      send(
        'DELETE',
        `${collection}?labelSelector=${encodeURIComponent(pick(rng, labelSelectors))}&gracePeriodSeconds=0`,
      ),
    () => merge(`${path}/status`, { status: { phase: pick(rng, ['Pending', 'Running', 'Succeeded']) } }),
    () => merge(path, { spec: { size: pick(rng, ['small', 'large']) } }),
    () =>
      send('POST', `${path}/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name },
        target: { name: pick(rng, ['n1', 'n2']) },
      }),
  ];
  await pick(rng, writes)();
}

function followersOf(rng: Rng, subject: Subject): Omit<Follower, 'revision' | 'known'>[] {
  const formats = subject.endpoint.kind.group === 'law.test' ? (['json'] as const) : (['json', 'protobuf'] as const);
  const path = () => collectionOf(subject, subject.endpoint.kind.namespaced && rng.next() < 0.4 ? 't1' : '');
  const label = () => `labelSelector=${encodeURIComponent(pick(rng, labelSelectors))}`;
  const field = () => `fieldSelector=${encodeURIComponent(pick(rng, fieldSelectors(subject)))}`;
  const mixed = (own[groupResource(subject.endpoint.kind)] ?? []).map(
    (selector) => `${label()}&fieldSelector=${encodeURIComponent(selector)}`,
  );
  return formats.flatMap((format) =>
    ['', label(), field(), `${label()}&${field()}`, ...mixed].map((query) => ({ path: path(), query, format })),
  );
}

async function hold(rng: Rng, chosen: readonly Subject[]): Promise<void> {
  for (let i = 0; i < writesBetween; i++) await write(rng, pick(rng, chosen));
  const followers = await Promise.all(
    chosen
      .flatMap((subject) => followersOf(rng, subject))
      .map(async (which): Promise<Follower> => {
        const follower = { ...which, revision: '', known: new Map<string, Item>() };
        const { items, revision } = await listOf(follower);
        for (const item of items) follower.known.set(keyOf(item), item);
        return { ...follower, revision };
      }),
  );
  const { longRunning } = server.api.context;
  // The second time they resume where the first has ended.
  for (let round = 0; round < 2; round++) {
    const watches = followers.map(watchOf);
    await vi.waitUntil(() => longRunning.size >= followers.length, { timeout: 30_000 });
    for (let i = 0; i < writesBetween; i++) await write(rng, pick(rng, chosen));
    for (const end of [...longRunning.keys()]) end();
    await Promise.all(watches);
    for (const follower of followers) {
      const { path, query, format, known, revision } = follower;
      const later = await listOf(follower, revision);
      const inOrder = [...known.values()].toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      const listed = later.items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      expect({ path, query, format, revision, items: inOrder }).toEqual({
        path,
        query,
        format,
        revision,
        items: listed,
      });
    }
  }
}

describe('a list and the events since are a later list', () => {
  it.each(seeds)('with the seed %i', { timeout: 120_000 }, async (seed) => {
    const rng = seededRng(seed);
    expect(subjects.length).toBeGreaterThan(60);
    const shuffled = subjects
      .map((subject) => ({ subject, at: rng.next() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ subject }) => subject);
    const custom = subjects.filter(({ endpoint }) => endpoint.kind.group === 'law.test');
    for (let i = 0; i < shuffled.length; i += kindsAtOnce)
      await hold(rng, [...new Set([...custom, ...shuffled.slice(i, i + kindsAtOnce)])]);
    // It says nothing where nothing happens.
    expect(told.size).toBeGreaterThan(1.5 * subjects.length);
  });
});
