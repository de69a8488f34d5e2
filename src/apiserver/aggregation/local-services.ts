import { apiservices, customresourcedefinitions } from '../../api/generated/resources.ts';
import type { APIService, CustomResourceDefinition } from '../../api/generated/types.ts';
import type { GroupVersions } from '../../api/kind.ts';
import { type BootstrapObject, bootstrapObject } from '../bootstrap/bootstrap-object.ts';
import type { ObjectReader } from '../object-reader.ts';

/** Who keeps an APIService: `onstart` the server when it starts, `true` the server all the time. Without it, a person. */
export const managedLabel = 'kube-aggregator.kubernetes.io/automanaged';

/** The group that says what the others are has no APIService of its own. */
export const ownGroup = 'apiregistration.k8s.io';

export interface Priorities {
  groupPriorityMinimum: number;
  versionPriority: number;
}

/** The order of the built-in groups, as upstream numbers them; a group that is not here comes last of them. */
const groupPriorities: Record<string, number> = {
  '': 18000,
  [ownGroup]: 17900,
  apps: 17800,
  'events.k8s.io': 17750,
  'authentication.k8s.io': 17700,
  'authorization.k8s.io': 17600,
  autoscaling: 17500,
  batch: 17400,
  'certificates.k8s.io': 17300,
  'networking.k8s.io': 17200,
  policy: 17100,
  'rbac.authorization.k8s.io': 17000,
  'storage.k8s.io': 16800,
  'admissionregistration.k8s.io': 16700,
  'apiextensions.k8s.io': 16700,
  'scheduling.k8s.io': 16600,
  'coordination.k8s.io': 16500,
  'node.k8s.io': 16300,
  'discovery.k8s.io': 16200,
  'resource.k8s.io': 16200,
  'flowcontrol.apiserver.k8s.io': 16100,
  'internal.apiserver.k8s.io': 16000,
};
const lastBuiltIn = 15_900;

/** Groups of custom resources come after all built-in ones, by their names. */
export const customPriorities: Priorities = { groupPriorityMinimum: 1000, versionPriority: 100 };

const levels: [RegExp, priority: number, step: number][] = [
  [/alpha/, 1, 3],
  [/beta/, 9, 3],
  [/^/, 15, 15],
];

/** Of a built-in group's version: higher where it is listed earlier. */
export function prioritiesOf({ group, versions }: GroupVersions, version: string): Priorities {
  const levelOf = (name: string) => levels.find(([pattern]) => pattern.test(name)) as (typeof levels)[0];
  const level = levelOf(version);
  const later = versions.slice(versions.indexOf(version) + 1).filter((other) => levelOf(other) === level);
  const groupPriorityMinimum = groupPriorities[group] ?? lastBuiltIn;
  return { groupPriorityMinimum, versionPriority: level[1] + later.length * level[2] };
}

const localService = (at: { group: string; version: string }, managed: string, priorities: Priorities) => ({
  metadata: { name: `${at.version}.${at.group}`, labels: { [managedLabel]: managed } },
  spec: { ...at, ...priorities },
});

/** What this server serves itself: made when it starts, where it is missing. */
export const builtInServices = (groups: readonly GroupVersions[]): BootstrapObject[] =>
  groups
    .filter(({ group }) => group !== ownGroup)
    .flatMap((served) =>
      served.versions.map((version) => {
        const at = { group: served.group, version };
        return bootstrapObject(apiservices, 'create', localService(at, 'onstart', prioritiesOf(served, version)));
      }),
    );

const isServedBy = ({ spec }: CustomResourceDefinition, name: string): boolean =>
  spec.versions.some((version) => version.served && `${version.name}.${spec.group}` === name);

/** The APIService of custom resources that a name stands for; undefined when no definition serves it. */
export function customService(read: ObjectReader, name: string): APIService | undefined {
  const definition = read.list(customresourcedefinitions).find((one) => isServedBy(one, name));
  if (!definition) return undefined;
  const version = name.slice(0, name.indexOf('.'));
  return { ...localService({ group: definition.spec.group, version }, 'true', customPriorities), status: {} };
}
