import { parseAllDocuments } from 'yaml';
import * as builtIn from '../api/generated/resources.ts';
import { groupVersion, type KubeObject, keyOf, type Resource } from '../api/resource.ts';
import type { ApiServer } from '../apiserver/api-server.ts';
import type { Client } from '../client/client.ts';

/** YAML (several documents too), an object, or a list of them. */
export type Manifests = string | object | readonly object[];

/** The objects in it, lists (`kind: List`) opened. Throws for text that is no YAML. */
export function readManifests(manifests: Manifests): KubeObject[] {
  const found = typeof manifests === 'string' ? documentsOf(manifests) : [manifests].flat();
  return found.flatMap((object) => {
    const { kind, items } = object as { kind?: string; items?: KubeObject[] };
    return kind?.endsWith('List') && items ? items : [object as KubeObject];
  });
}

function documentsOf(text: string): object[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors[0]) throw document.errors[0];
    const value: unknown = document.toJS();
    return value ? [value] : [];
  });
}

/** The served resource of an object, built in or custom. Throws when there is none. */
export function resourceOf(api: ApiServer, { apiVersion = '', kind = '' }: KubeObject): Resource {
  const custom = api.context.registry.added().map((endpoint): Resource => endpoint.kind);
  const served = [...Object.values<Resource>(builtIn), ...custom];
  const found = served.find((resource) => resource.kind === kind && groupVersion(resource) === apiVersion);
  if (found) return found;
  throw new Error(`the cluster serves no kind "${kind}" of "${apiVersion}"`);
}

/** Server-side apply of each, in order. What has no namespace and needs one goes to `default`. */
export async function applyManifests(
  { api, client }: { api: ApiServer; client: Client },
  manifests: Manifests,
): Promise<KubeObject[]> {
  const applied: KubeObject[] = [];
  for (const object of readManifests(manifests)) {
    const resource = resourceOf(api, object);
    const namespace = resource.namespaced ? (object.metadata.namespace ?? 'default') : undefined;
    const body = namespace ? { ...object, metadata: { ...object.metadata, namespace } } : object;
    const options = { fieldManager: 'knarr-testing', force: true };
    applied.push(await client.patch(resource, keyOf(body), { type: 'apply', body }, options));
  }
  return applied;
}
