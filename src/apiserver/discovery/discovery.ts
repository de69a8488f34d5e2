import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { servedGroups, servedKinds } from '../../api/generated/kinds.ts';
import type { GroupVersions, Kind } from '../../api/kind.ts';
import { StatusError } from '../../api/meta/status-error.ts';
import { compareVersions } from '../../api/meta/version-order.ts';
import type { RemoteGroupVersion } from '../aggregation/api-services.ts';
import { groupsInOrder } from '../aggregation/group-order.ts';
import type { Registry } from '../registry.ts';
import { type MediaRange, parseAccept, takes } from './accept.ts';
import { groupDiscoveryList, resourceDiscovery, type VersionDiscovery } from './aggregated.ts';
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from './resource-list.ts';
import { type BuildInfo, versionInfo } from './version.ts';

export interface DiscoveryAnswer {
  body: Buffer;
  contentType: string;
  /** For `If-None-Match`; only aggregated discovery has one. Send `Vary: Accept` with it. */
  etag?: string;
}

/** Answers a GET of a discovery path; undefined when there is nothing. Throws `StatusError` NotAcceptable. */
export type Discovery = (path: string, accept?: string) => DiscoveryAnswer | undefined;

export interface DiscoveryOptions {
  /** In order of preference; default: the built-in order, then the others as they come. */
  groups?: readonly GroupVersions[];
  build?: BuildInfo;
  /** `host:port` that `/api` names. */
  serverAddress?: string;
  /** What other servers serve. */
  remotes?: readonly RemoteGroupVersion[];
}

/** Other servers' group versions, and how often they have changed. */
export interface Remotes {
  readonly revision: number;
  groupVersions(): RemoteGroupVersion[];
}

type Format = 'json' | 'yaml' | 'v2' | 'v2beta1';

/** Groups and versions of kinds: built-in ones in their order, then the others in order of appearance. */
export function groupsOf(kinds: readonly Kind[]): GroupVersions[] {
  const groups = new Map<string, GroupVersions>(servedGroups.map(({ group }) => [group, { group, versions: [] }]));
  for (const { group, versions } of servedGroups)
    for (const version of versions)
      if (kinds.some((k) => k.group === group && k.version === version)) groups.get(group)?.versions.push(version);
  for (const { group, version } of kinds) {
    const entry = groups.get(group) ?? { group, versions: [] };
    if (!entry.versions.includes(version)) entry.versions.push(version);
    groups.set(group, entry);
  }
  return [...groups.values()].filter(({ versions }) => versions.length > 0);
}

function formatOf({ type, parameters }: MediaRange, aggregatedAllowed: boolean): Format | undefined {
  if (parameters.as) {
    const { as, g, v } = parameters;
    const asked = type === 'application/json' && as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io';
    return aggregatedAllowed && asked && (v === 'v2' || v === 'v2beta1') ? v : undefined;
  }
  if (takes({ type, parameters, quality: 1 }, 'application/json')) return 'json';
  return type === 'application/yaml' ? 'yaml' : undefined;
}

function negotiate(accept: string | undefined, aggregatedAllowed: boolean): Format {
  for (const range of parseAccept(accept)) {
    const format = formatOf(range, aggregatedAllowed);
    if (format) return format;
  }
  throw StatusError.of(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  );
}

const contentTypes: Record<Format, string> = {
  json: 'application/json',
  yaml: 'application/yaml',
  v2: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  v2beta1: 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
};

/** `/version` is written to be read by people. */
function encode(document: object, format: Format, indent?: number): DiscoveryAnswer {
  const contentType = contentTypes[format];
  if (format === 'yaml')
    return {
      body: Buffer.from(stringify(document, { sortMapEntries: true, aliasDuplicateObjects: false })),
      contentType,
    };
  const body = Buffer.from(`${JSON.stringify(document, undefined, indent)}\n`);
  if (format === 'json') return { body, contentType };
  return { body, contentType, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
}

/** The documents of discovery, each made when it is first asked for. */
class Documents {
  readonly #groups: readonly GroupVersions[];
  readonly #kinds = new Map<string, Kind[]>();
  readonly #options: DiscoveryOptions;
  readonly #remotes: ReadonlyMap<string, RemoteGroupVersion>;

  constructor(kinds: readonly Kind[], options: DiscoveryOptions) {
    const { remotes = [] } = options;
    this.#groups = groupsInOrder(options.groups ?? groupsOf(kinds), remotes);
    this.#remotes = new Map(remotes.map((remote) => [`${remote.group}/${remote.version}`, remote]));
    this.#options = options;
    for (const kind of [...kinds].sort((a, b) => (a.resource < b.resource ? -1 : 1))) {
      const key = `${kind.group}/${kind.version}`;
      this.#kinds.set(key, [...(this.#kinds.get(key) ?? []), kind]);
    }
  }

  /** The document at a path without trailing slash. */
  find(path: string, format: Format): object | undefined {
    const [, root, first, second, ...rest] = path.split('/');
    if (rest.length > 0) return undefined;
    if (root === 'version' && first === undefined) return versionInfo(this.#options.build ?? {});
    if (root === 'api' && second === undefined) return first ? this.#resources('', first) : this.#core(format);
    if (root !== 'apis') return undefined;
    if (first === undefined) return this.#all(format);
    if (first === '') return undefined;
    const group = this.#groups.find((g) => g.group === first);
    return second === undefined ? group && apiGroup(group) : this.#resources(first, second);
  }

  #resources(group: string, version: string): object | undefined {
    const kinds = this.#kinds.get(`${group}/${version}`);
    return kinds && apiResourceList({ group, version }, kinds);
  }

  #core(format: Format): object {
    const core = this.#groups.filter(({ group }) => group === '');
    return isAggregated(format)
      ? this.#aggregated(core, format)
      : apiVersions(core[0]?.versions ?? [], this.#options.serverAddress ?? '');
  }

  #all(format: Format): object {
    const groups = this.#groups.filter(({ group }) => group !== '');
    return isAggregated(format) ? this.#aggregated(groups, format) : apiGroupList(groups);
  }

  #aggregated(groups: readonly GroupVersions[], format: 'v2' | 'v2beta1'): object {
    return groupDiscoveryList(groups, (group, version) => this.#version(`${group}/${version}`), format);
  }

  #version(at: string): VersionDiscovery {
    const remote = this.#remotes.get(at);
    if (!remote) return { resources: (this.#kinds.get(at) ?? []).map(resourceDiscovery), freshness: 'Current' };
    return { resources: remote.resources, freshness: remote.isAvailable ? 'Current' : 'Stale' };
  }
}

const isAggregated = (format: Format): format is 'v2' | 'v2beta1' => format === 'v2' || format === 'v2beta1';

/** Custom kinds in the order in which groups and versions are shown. */
const inOrder = (kinds: Kind[]): Kind[] =>
  [...kinds].sort((a, b) => (a.group === b.group ? compareVersions(a.version, b.version) : a.group < b.group ? -1 : 1));

/** Discovery of all that is served, by this server and by others; made anew when that changes. */
export function discoveryOf(registry: Registry, remotes: Remotes, options: DiscoveryOptions = {}): Discovery {
  let made: { at: string; discovery: Discovery } | undefined;
  return (path, accept) => {
    const at = `${registry.revision} ${remotes.revision}`;
    if (made?.at !== at) {
      const kinds = [...registry.builtInKinds(), ...inOrder(registry.added().map((endpoint) => endpoint.kind))];
      made = { at, discovery: createDiscovery(kinds, { ...options, remotes: remotes.groupVersions() }) };
    }
    return made.discovery(path, accept);
  };
}

/** Discovery over a list of kinds; answers are kept as bytes. A changed list means a new one. */
export function createDiscovery(kinds: readonly Kind[] = servedKinds, options: DiscoveryOptions = {}): Discovery {
  const documents = new Documents(kinds, options);
  // Bounded: only paths that exist are kept, each in at most four formats.
  const answers = new Map<string, Map<Format, DiscoveryAnswer>>();
  return (path, accept) => {
    const at = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    const formats = answers.get(at) ?? new Map<Format, DiscoveryAnswer>();
    if (formats.size === 0 && !documents.find(at, 'json')) return undefined;
    answers.set(at, formats);
    const format = negotiate(accept, at === '/api' || at === '/apis');
    const answer =
      formats.get(format) ?? encode(documents.find(at, format) as object, format, at === '/version' ? 2 : undefined);
    formats.set(format, answer);
    return answer;
  };
}
