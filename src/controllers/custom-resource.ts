import type { CustomResourceDefinition } from '../api/generated/types.ts';
import type { Resource } from '../api/resource.ts';

/** The resource that a definition adds, in the version that is stored if that is served; undefined while none is. */
export function customResourceOf({ spec, status, metadata }: CustomResourceDefinition): Resource | undefined {
  const isEstablished = status.conditions?.some((c) => c.type === 'Established' && c.status === 'True');
  const served = spec.versions.filter((version) => version.served);
  const version = served.find((v) => v.storage) ?? served[0];
  const names = status.acceptedNames;
  if (!isEstablished || !version || !names || !metadata.name) return undefined;
  const { group, scope } = spec;
  const namespaced = scope === 'Namespaced';
  return { group, version: version.name, resource: names.plural, kind: names.kind, namespaced };
}
