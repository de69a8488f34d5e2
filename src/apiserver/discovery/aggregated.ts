import type { GroupVersions, Kind } from '../../api/kind.ts';

export function resourceDiscovery(kind: Kind): object {
  const { group, version } = kind;
  const subresources = (kind.subresources ?? []).map((sub) => ({
    subresource: sub.name,
    responseKind: { group: sub.version ? (sub.group ?? '') : group, version: sub.version ?? version, kind: sub.kind },
    verbs: sub.verbs,
  }));
  return {
    resource: kind.resource,
    responseKind: { group, version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(kind.shortNames?.length ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories?.length ? { categories: kind.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  };
}

/** The resources of one version; `Stale`: whoever serves them does not answer. */
export interface VersionDiscovery {
  resources: object[];
  freshness: 'Current' | 'Stale';
}

/**
 * Aggregated discovery (KEP-3352): everything below `/api` or `/apis` in one APIGroupDiscoveryList. `v2` and `v2beta1`
 * differ in name only.
 */
export const groupDiscoveryList = (
  groups: readonly GroupVersions[],
  versionOf: (group: string, version: string) => VersionDiscovery,
  apiVersion: 'v2' | 'v2beta1',
): object => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${apiVersion}`,
  metadata: {},
  items: groups.map(({ group, versions }) => ({
    metadata: group === '' ? {} : { name: group },
    versions: versions.map((version) => ({
      version,
      ...versionOf(group, version),
    })),
  })),
});
