/** Which resource-versions there are, which of them is stored, and which types of theirs are the same: all from the facts. */

export interface FactField {
  n: string;
  t: string;
  a?: string;
  r?: 1;
  om?: 1;
  oz?: 1;
  ptr?: 1;
  i?: 1;
  [key: string]: unknown;
}
export interface FactType {
  k: string;
  f?: FactField[];
  gvk?: [string, string, string];
  enum?: string[];
  [key: string]: unknown;
}
export interface FactSubresource {
  name: string;
  kind: string;
  verbs: string[];
  group?: string;
  version?: string;
}
export interface FactResource {
  group: string;
  version: string;
  kind: string;
  resource: string;
  type: string;
  listKind?: string;
  namespaced: boolean;
  stability: string;
  etcdPrefix?: string;
  subresources?: FactSubresource[];
  [key: string]: unknown;
}
interface FactKind {
  group: string;
  version: string;
  kind: string;
  type: string;
  introduced?: string;
  deprecated?: string;
  removed?: string;
  replacement?: string;
}
/** What 1.20 served of a resource. */
interface OldResource {
  group: string;
  version: string;
  resource: string;
  kind: string;
}
export interface FactKinds {
  release: string;
  groups: { group: string; versions: string[] }[];
  resources: FactResource[];
  otherKinds: FactKind[];
  served_1_20_2: OldResource[];
}

/** Groups that other programs serve (metrics adapters), not the core server. */
const servedElsewhere = new Set(['metrics.k8s.io', 'custom.metrics.k8s.io', 'external.metrics.k8s.io']);

/** Where objects of a resource are kept; those of one place are one resource, whatever group and version it is asked in. */
const placeOf = (r: FactResource): string => r.etcdPrefix ?? `${r.group}/${r.resource}`;

const nameOf = (r: { group: string; resource: string }): string => (r.group ? `${r.resource}.${r.group}` : r.resource);

/**
 * Every resource once, in the version that is stored (the first of its group's, which are in order of preference), then its
 * other versions, which say what they are stored as.
 */
export function resourceVersions(kinds: FactKinds): { stored: FactResource[]; others: FactResource[] } {
  const preference = new Map(kinds.groups.map((g) => [g.group, g.versions]));
  const rank = (r: FactResource) => preference.get(r.group)?.indexOf(r.version) ?? 99;
  const here = kinds.resources.filter((r) => !servedElsewhere.has(r.group));
  const stored = new Map<string, FactResource>();
  for (const resource of here) {
    const current = stored.get(placeOf(resource));
    if (!current || (current.group === resource.group && rank(resource) < rank(current)))
      stored.set(placeOf(resource), resource);
  }
  const others = here.flatMap((r) => {
    const main = stored.get(placeOf(r)) as FactResource;
    return r === main ? [] : [{ ...r, storedAs: nameOf(main) }];
  });
  return { stored: [...stored.values()], others };
}

/** Versions that 1.20 served and this release does not, as far as it still has their types. */
export function removedVersions(kinds: FactKinds, types: Record<string, FactType>): FactResource[] {
  const today = new Set(kinds.resources.map((r) => `${nameOf(r)} ${r.version}`));
  return kinds.served_1_20_2.flatMap((old) => {
    const own = kinds.otherKinds.find((k) => k.group === old.group && k.version === old.version && k.kind === old.kind);
    if (today.has(`${nameOf(old)} ${old.version}`) || !own || !types[own.type]) return [];
    const later = kinds.resources.find(
      (r) =>
        r.resource === old.resource &&
        (r.group === old.group || own.replacement === `${r.group},${r.version},${r.kind}`),
    );
    if (!later) return [];
    const main = kinds.resources.find((r) => placeOf(r) === placeOf(later)) as FactResource;
    const { group, version } = old;
    const { introduced, deprecated, removed } = own;
    const life = { introduced, deprecated, removed, replacement: own.replacement?.replace(/List$/, '') };
    const stability = version.includes('alpha') ? 'alpha' : 'beta';
    return [{ ...later, group, version, type: own.type, stability, ...life, storedAs: nameOf(main) }];
  });
}

const elementOf = (t: string): string => t.replace(/^(\[\]|map\[string\])+/, '');

/**
 * The types of other versions that say what a stored version's type says, all the way down: what is said by type of the one
 * (defaults) holds for the other. Found by walking both along the same members.
 */
export function sameTypes(
  types: Record<string, FactType>,
  versions: { others: FactResource[]; stored: FactResource[] },
): Map<string, string> {
  const same = new Map<string, string>();
  const known = new Map<string, boolean>();
  const members = (name: string): Map<string, FactField> =>
    new Map((types[name]?.f ?? []).flatMap((f) => (f.i ? [...members(f.t)] : [[f.n, f] as const])));
  const visit = (other: string, main: string): boolean => {
    if (other === main) return true;
    if (types[other]?.k !== types[main]?.k || !types[other]) return false;
    const before = known.get(`${other} ${main}`);
    if (before !== undefined) return before;
    // A type that contains itself is the same unless something else in it differs.
    known.set(`${other} ${main}`, true);
    const [own, theirs] = [members(other), members(main)];
    const all = [...own].map(([name, field]) => alike(field, theirs.get(name)));
    const isSame = own.size === theirs.size && all.every(Boolean);
    known.set(`${other} ${main}`, isSame);
    if (isSame) same.set(other, main);
    return isSame;
  };
  const alike = (field: FactField, beside: FactField | undefined): boolean => {
    if (!beside) return false;
    if (field.a && beside.a) visit(field.a, beside.a);
    return visit(elementOf(field.t), elementOf(beside.t));
  };
  for (const other of versions.others) {
    const main = versions.stored.find((r) => nameOf(r) === other.storedAs);
    if (main) visit(other.type, main.type);
  }
  return same;
}
