import type { JsonObject } from '../../api/meta/json.ts';

/** An APIResourceList as a server sends it, as far as it is read. */
interface ResourceEntry {
  name: string;
  singularName?: string;
  namespaced?: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs?: string[];
  shortNames?: string[];
  categories?: string[];
}

interface GroupVersion {
  group: string;
  version: string;
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** The resources of an APIResourceList as aggregated discovery shows them (apidiscovery.k8s.io/v2). */
export function discoveredResources(text: string, at: GroupVersion): object[] {
  const document = parsed(text);
  if (document?.kind !== 'APIResourceList' || !Array.isArray(document.resources)) return [];
  const entries = document.resources as unknown as ResourceEntry[];
  const kindOf = ({ group, version, kind }: ResourceEntry) => ({
    group: version ? (group ?? '') : at.group,
    version: version || at.version,
    kind,
  });
  return entries
    .filter(({ name }) => !name.includes('/'))
    .map((entry) => {
      const subresources = entries
        .filter(({ name }) => name.startsWith(`${entry.name}/`))
        .map((sub) => ({
          subresource: sub.name.slice(entry.name.length + 1),
          responseKind: kindOf(sub),
          verbs: sub.verbs ?? [],
        }));
      return {
        resource: entry.name,
        responseKind: kindOf(entry),
        scope: entry.namespaced ? 'Namespaced' : 'Cluster',
        singularResource: entry.singularName ?? '',
        verbs: entry.verbs ?? [],
        ...(entry.shortNames ? { shortNames: entry.shortNames } : {}),
        ...(entry.categories ? { categories: entry.categories } : {}),
        ...(subresources.length > 0 ? { subresources } : {}),
      };
    });
}

/** The URL of a group version's OpenAPI 3 document in a server's index. */
export function openApiUrl(text: string, { group, version }: GroupVersion): string | undefined {
  const paths = parsed(text)?.paths as Record<string, { serverRelativeURL?: string }> | undefined;
  return paths?.[`apis/${group}/${version}`]?.serverRelativeURL;
}

/** What a server's OpenAPI 2 document adds to the cluster's: the paths of the group version and all definitions. */
export interface AddedOpenApi {
  paths: [string, JsonObject][];
  definitions: [string, JsonObject][];
}

export function addedOpenApi(text: string, { group, version }: GroupVersion): AddedOpenApi | undefined {
  const document = parsed(text);
  if (!document) return undefined;
  const entries = (member: unknown) => Object.entries((member ?? {}) as Record<string, JsonObject>);
  const root = `/apis/${group}/${version}/`;
  const paths = entries(document.paths).filter(([path]) => `${path}/`.startsWith(root));
  return { paths, definitions: entries(document.definitions) };
}
