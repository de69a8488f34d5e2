import { resourcequotas } from '../api/generated/resources.ts';
import type { Pod, ResourceQuota } from '../api/generated/types.ts';
import type { StatusError } from '../api/meta/status-error.ts';
import { type Amounts, addTo, amountsText, difference, only, readAmounts, writeAmounts } from '../api/quota/amounts.ts';
import { unsaid } from '../api/quota/pod-amounts.ts';
import { isInScope } from '../api/quota/scopes.ts';
import { usageOf } from '../api/quota/usage.ts';
import type { KubeObject } from '../api/resource.ts';
import type { Store, Write } from '../store/store.ts';
import { forbiddenObject } from './authz/forbidden.ts';
import type { Endpoint } from './endpoint.ts';
import type { ObjectCodec } from './object-codec.ts';
import type { Registry } from './registry.ts';

interface Deps {
  store: Store;
  objects: ObjectCodec;
  registry: Registry;
}

interface Change {
  object: KubeObject | undefined;
  old: KubeObject | undefined;
  dryRun?: boolean;
}

const quotaResource = resourcequotas.resource;

/**
 * What the quotas of a namespace have been used for (the ResourceQuota admission plugin). A write that changes the usage
 * carries the new status of each quota in its own commit: what is used is never more, and never told otherwise, than what
 * is there. A quota is written into from the start, and limits (`status.hard`) from the moment its controller has added what
 * was there before it.
 */
export class QuotaBook {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The writes that go with a change of an object. Throws 403 when a quota does not allow it. */
  claim(endpoint: Endpoint, change: Change): Write[] {
    const { object, old } = change;
    const namespace = (object ?? old)?.metadata.namespace;
    if (!namespace) return [];
    const writes: Write[] = [];
    for (const { key } of this.#deps.store.list(quotaResource, { namespace }).versions) {
      const version = this.#deps.store.head(quotaResource, key);
      const quota = version && this.#deps.objects.read<ResourceQuota>(version);
      // A quota that goes does not count itself out.
      if (!quota || (!object && quota.metadata.uid === old?.metadata.uid)) continue;
      const used = usedAfter(quota, endpoint, change);
      if (used && !change.dryRun) writes.push(this.#write(key, quota, used));
    }
    return writes;
  }

  /** The writes that go with the removal of an object. */
  release(endpoint: Endpoint, old: KubeObject): Write[] {
    return this.claim(endpoint, { object: undefined, old });
  }

  #write(key: string, quota: ResourceQuota, used: Amounts): Write {
    const { group, version, resource } = resourcequotas;
    const endpoint = this.#deps.registry.find(group, version, resource) as Endpoint;
    const object = { ...quota, status: { ...quota.status, used: writeAmounts(used) } };
    return { put: this.#deps.objects.put(endpoint, key, object) };
  }
}

/** Undefined: it is not touched. */
function usedAfter(quota: ResourceQuota, endpoint: Endpoint, { object, old }: Change): Amounts | undefined {
  const { resource } = endpoint;
  const hard = readAmounts(quota.status?.hard);
  const limited = new Set(Object.keys(hard));
  const names = new Set([...limited, ...Object.keys(quota.spec?.hard ?? {})]);
  const usage = (o: KubeObject | undefined): Amounts =>
    o && isInScope(quota, resource, o) ? only(usageOf(resource, o), names) : {};
  const [before, after] = [usage(old), usage(object)];
  if (object && !old) checkSaid(quota, endpoint, { object, names: limited });
  const delta = difference(after, before);
  if (Object.keys(delta).length === 0) return undefined;
  const used = readAmounts(quota.status?.used);
  const now = { ...used };
  addTo(now, delta);
  // What was counted wrongly is never told as less than nothing; what was not counted yet goes both ways.
  for (const [name, q] of Object.entries(now)) if (limited.has(name) && q.nanos < 0n) now[name] = { ...q, nanos: 0n };
  const grown = Object.keys(delta).filter((name) => limited.has(name) && (delta[name]?.nanos ?? 0n) > 0n);
  const exceeded = new Set(grown.filter((name) => (now[name]?.nanos ?? 0n) > (hard[name]?.nanos ?? 0n)));
  if (object && exceeded.size > 0) {
    const [asked, had, limit] = [delta, { ...zeros(exceeded, delta), ...used }, hard].map((a) =>
      amountsText(only(a, exceeded)),
    );
    throw refused(
      endpoint,
      object,
      `exceeded quota: ${quota.metadata.name}, requested: ${asked}, used: ${had}, limited: ${limit}`,
    );
  }
  return now;
}

const zeros = (names: ReadonlySet<string>, like: Amounts): Amounts =>
  Object.fromEntries([...names].map((name) => [name, { nanos: 0n, format: like[name]?.format ?? 'DecimalSI' }]));

function checkSaid(
  quota: ResourceQuota,
  endpoint: Endpoint,
  { object, names }: { object: KubeObject; names: ReadonlySet<string> },
): void {
  if (endpoint.resource !== 'pods' || !isInScope(quota, 'pods', object)) return;
  const what = unsaid(object as Pod, names);
  if (what !== undefined) throw refused(endpoint, object, `failed quota: ${quota.metadata.name}: ${what}`);
}

function refused({ kind }: Endpoint, { metadata }: KubeObject, why: string): StatusError {
  const { group, resource } = kind;
  return forbiddenObject({ group, resource }, metadata.name || metadata.generateName || 'Unknown', why);
}
