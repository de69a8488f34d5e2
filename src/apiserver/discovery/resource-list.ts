import type { GroupVersions, Kind, Subresource } from '../../api/kind.ts';
import { groupVersion } from '../../api/resource.ts';

interface GroupVersion {
  group: string;
  version: string;
}

/** The group and version of a subresource's kind where they are not the resource's own. */
const foreign = (kind: Kind, { group, version }: Subresource): Partial<GroupVersion> =>
  version && (group !== kind.group || version !== kind.version) ? { group: group ?? '', version } : {};

const orNothing = <K extends string>(key: K, value: string[] | undefined) =>
  (value?.length ? { [key]: value } : {}) as { [P in K]?: string[] };

function apiResources(kind: Kind): object[] {
  const main = {
    name: kind.resource,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: kind.verbs,
    ...orNothing('shortNames', kind.shortNames),
    ...orNothing('categories', kind.categories),
    ...(kind.storageVersionHash ? { storageVersionHash: kind.storageVersionHash } : {}),
  };
  const subresources = (kind.subresources ?? []).map((sub) => ({
    name: `${kind.resource}/${sub.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...foreign(kind, sub),
    kind: sub.kind,
    verbs: sub.verbs,
  }));
  return [main, ...subresources];
}

/** `/api/v1`, `/apis/<group>/<version>`: an APIResourceList. The core group's has no apiVersion, as it never had. */
export const apiResourceList = (at: GroupVersion, kinds: readonly Kind[]): object => ({
  kind: 'APIResourceList',
  ...(at.group === '' ? {} : { apiVersion: 'v1' }),
  groupVersion: groupVersion(at),
  resources: kinds.flatMap(apiResources),
});

function groupEntry({ group, versions }: GroupVersions): object {
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}

/** `/apis/<group>`: an APIGroup. */
export const apiGroup = (group: GroupVersions): object => ({
  kind: 'APIGroup',
  apiVersion: 'v1',
  ...groupEntry(group),
});

/** `/apis`: an APIGroupList. The core group is not in it. */
export const apiGroupList = (groups: readonly GroupVersions[]): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.filter(({ group }) => group !== '').map(groupEntry),
});

/** `/api`: the versions of the core group, and the address under which the server is reached. */
export const apiVersions = (versions: readonly string[], serverAddress: string): object => ({
  kind: 'APIVersions',
  versions,
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
});
