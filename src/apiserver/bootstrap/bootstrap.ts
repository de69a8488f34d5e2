import type { ClusterRole, ClusterRoleBinding, ConfigMap, PolicyRule, RbacSubject } from '../../api/generated/types.ts';
import type { GroupVersions } from '../../api/kind.ts';
import type { KubeObject, Resource } from '../../api/resource.ts';
import { servedVersions } from '../../api/served-versions.ts';
import { uncovered, compact } from '../authz/rules.ts';
import { builtInServices } from '../aggregation/local-services.ts';
import { groupsOf } from '../discovery/discovery.ts';
import { networkObjects } from './network-objects.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { BootstrapObject } from './bootstrap-object.ts';
import {
  type ClusterFacts,
  namespaceObjects,
  priorityClassObjects,
  serviceObjects,
  trustObjects,
} from './cluster-objects.ts';
import { autoupdateSpec } from './flowcontrol-objects.ts';
import { ingressObjects } from './ingress-objects.ts';
import { autoupdate, rbacObjects } from './rbac-objects.ts';
import { storageObjects } from './storage-objects.ts';

/** Everything that a fresh cluster contains, in the order in which it can be created. `groups`: what is served. */
export const bootstrapObjects = (
  facts: ClusterFacts,
  groups: readonly GroupVersions[] = groupsOf(servedVersions()),
): BootstrapObject[] => [
  ...namespaceObjects(),
  ...rbacObjects(),
  ...priorityClassObjects(),
  ...serviceObjects(facts),
  ...trustObjects(facts),
  ...networkObjects(facts),
  ...storageObjects(),
  ...ingressObjects(facts),
  ...builtInServices(groups),
];

export interface BootstrapWrite {
  verb: 'create' | 'update' | 'delete';
  resource: Resource;
  /** For delete: the object to be deleted. */
  object: KubeObject;
}

/** The writes that bring the stored objects to what they should be; none for a settled cluster. */
export function bootstrapWrites(wanted: readonly BootstrapObject[], read: ObjectReader): BootstrapWrite[] {
  return wanted.flatMap(({ resource, object, upkeep }): BootstrapWrite[] => {
    const stored = read.get(resource, object.metadata.namespace ?? '', object.metadata.name);
    if (!stored) return [{ verb: 'create', resource, object }];
    if (upkeep === 'create' || stored.metadata.annotations?.[autoupdate] === 'false') return [];
    if (upkeep === 'suggested' && !isKeptUp(stored)) return [];
    if (upkeep === 'binding' && roleRefText(stored) !== roleRefText(object)) {
      // A binding's role cannot be changed.
      return [
        { verb: 'delete', resource, object: stored },
        { verb: 'create', resource, object },
      ];
    }
    const update = merged(stored, object, upkeep);
    return isSame(update, stored) ? [] : [{ verb: 'update', resource, object: update }];
  });
}

/** Nobody has said that it is theirs, nor made it theirs by changing it. */
const isKeptUp = ({ metadata: { annotations, generation } }: KubeObject): boolean =>
  (annotations?.[autoupdateSpec] ?? String(generation === 1)) === 'true';

/** The stored object with what the wanted one has more (roles, bindings), or with the wanted one's content (own). */
function merged(stored: KubeObject, wanted: KubeObject, upkeep: BootstrapObject['upkeep']): KubeObject {
  // What users put on an object stays, save on what is the server's own.
  const prefer = upkeep === 'own' || upkeep === 'data' ? [stored, wanted] : [wanted, stored];
  const labels = { ...prefer[0]?.metadata.labels, ...prefer[1]?.metadata.labels };
  const annotations = { ...prefer[0]?.metadata.annotations, ...prefer[1]?.metadata.annotations };
  const metadata = {
    ...stored.metadata,
    ...(Object.keys(labels).length ? { labels } : {}),
    ...(Object.keys(annotations).length ? { annotations } : {}),
  };
  if (upkeep === 'role') return { ...stored, metadata, ...mergedRole(stored as ClusterRole, wanted as ClusterRole) };
  if (upkeep === 'binding') return { ...stored, metadata, ...mergedSubjects(stored, wanted) };
  if (upkeep === 'data') return { ...stored, metadata, ...mergedData(stored, wanted) };
  return { ...stored, ...wanted, metadata };
}

const mergedData = (stored: ConfigMap, wanted: ConfigMap): Pick<ConfigMap, 'data'> => ({
  data: { ...stored.data, ...wanted.data },
});

function mergedRole(stored: ClusterRole, wanted: ClusterRole): Partial<ClusterRole> {
  if (wanted.aggregationRule) {
    // Its rules follow from other roles: the aggregation controller writes them.
    const have = stored.aggregationRule?.clusterRoleSelectors ?? [];
    const missing = (wanted.aggregationRule.clusterRoleSelectors ?? []).filter((s) => !have.some((h) => isSame(h, s)));
    return missing.length ? { aggregationRule: { clusterRoleSelectors: [...have, ...missing] } } : {};
  }
  const missing: PolicyRule[] = compact(uncovered(stored.rules ?? [], wanted.rules ?? []));
  return missing.length ? { rules: [...(stored.rules ?? []), ...missing] } : {};
}

function mergedSubjects(stored: KubeObject, wanted: KubeObject): Partial<ClusterRoleBinding> {
  const have = (stored as ClusterRoleBinding).subjects ?? [];
  const missing = ((wanted as ClusterRoleBinding).subjects ?? []).filter((s) => !have.some((h) => sameSubject(h, s)));
  return missing.length ? { subjects: [...have, ...missing] } : {};
}

const sameSubject = (a: RbacSubject, b: RbacSubject): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');

const roleRefText = (binding: KubeObject): string => {
  const { kind, name } = (binding as ClusterRoleBinding).roleRef;
  return `${kind}/${name}`;
};

/** Equal as JSON, whatever the order of members; a member that is undefined is absent. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b || Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => isSame(left[key], right[key]));
}
