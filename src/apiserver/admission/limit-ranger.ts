import { limitranges } from '../../api/generated/resources.ts';
import type { Container, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../api/generated/types.ts';
import { addQuantity, formatQuantity, parseQuantity } from '../../api/meta/quantity.ts';
import { type Amounts, limitErrors } from './limit-constraints.ts';
import { type AdmissionContext, definePlugin, refused } from './plugin.ts';

/** Fills in and enforces what the LimitRanges of a namespace say of containers, pods and claims. */
export const limitRanger = definePlugin({
  name: 'LimitRanger',
  verbs: ['create', 'update'],
  resources: ['pods', 'persistentvolumeclaims'],
  admit(context) {
    if (context.resource !== 'pods' || context.verb !== 'create') return;
    for (const item of itemsOf(context, 'Container')) setDefaults(context.object as Pod, item);
  },
  validate(context) {
    const errors = context.resource === 'pods' ? podErrors(context) : claimErrors(context);
    if (errors.length === 0) return;
    throw refused(context, errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`);
  },
});

function itemsOf({ read, namespace }: AdmissionContext, type: string): LimitRangeItem[] {
  return read
    .list(limitranges, namespace)
    .flatMap(({ spec }) => (spec?.limits ?? []).filter((item) => item.type === type));
}

const annotation = 'kubernetes.io/limit-ranger';

function setDefaults(pod: Pod, item: LimitRangeItem): void {
  const set: string[] = [];
  for (const container of pod.spec.containers ?? []) set.push(...defaulted(container, item, 'container'));
  for (const container of pod.spec.initContainers ?? []) set.push(...defaulted(container, item, 'init container'));
  if (set.length === 0) return;
  pod.metadata.annotations = { ...pod.metadata.annotations, [annotation]: `LimitRanger plugin set: ${set.join('; ')}` };
}

function defaulted(container: Container, item: LimitRangeItem, what: string): string[] {
  const resources = container.resources ?? {};
  const missing = (defaults: Amounts, given: Amounts) =>
    Object.keys(defaults ?? {})
      .filter((resource) => given?.[resource] === undefined)
      .sort();
  const requests = missing(item.defaultRequest, resources.requests);
  const limits = missing(item.default, resources.limits);
  if (requests.length) resources.requests = { ...item.defaultRequest, ...resources.requests };
  if (limits.length) resources.limits = { ...item.default, ...resources.limits };
  container.resources = resources;
  return [
    ...(requests.length ? [`${requests.join(', ')} request for ${what} ${container.name}`] : []),
    ...(limits.length ? [`${limits.join(', ')} limit for ${what} ${container.name}`] : []),
  ];
}

function podErrors(context: AdmissionContext): string[] {
  // A pod's resources are fixed when it is created.
  if (context.verb !== 'create') return [];
  const { spec } = context.object as Pod;
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  return [
    ...itemsOf(context, 'Container').flatMap((item) =>
      containers.flatMap(({ resources }) => limitErrors(item, resources?.requests, resources?.limits)),
    ),
    ...itemsOf(context, 'Pod').flatMap((item) => limitErrors(item, podSum(spec, 'requests'), podSum(spec, 'limits'))),
  ];
}

function claimErrors(context: AdmissionContext): string[] {
  const { spec } = context.object as PersistentVolumeClaim;
  return itemsOf(context, 'PersistentVolumeClaim').flatMap((item) =>
    // Claims have no limits: the request is all there is to compare.
    limitErrors(item, spec.resources?.requests, spec.resources?.requests),
  );
}

/** Containers add up; an init container counts when it alone wants more. */
function podSum({ containers, initContainers }: Pod['spec'], part: 'requests' | 'limits'): Record<string, string> {
  // Without what all objects inherit: names come from outside, and are checked later.
  const sum: Record<string, string> = Object.create(null);
  for (const { resources } of containers ?? []) {
    for (const [resource, amount] of Object.entries(resources?.[part] ?? {})) {
      sum[resource] = formatQuantity(addQuantity(parseQuantity(sum[resource] ?? '0'), parseQuantity(amount)));
    }
  }
  for (const { resources } of initContainers ?? []) {
    for (const [resource, amount] of Object.entries(resources?.[part] ?? {})) {
      if (parseQuantity(amount).nanos > parseQuantity(sum[resource] ?? '0').nanos) sum[resource] = amount;
    }
  }
  return sum;
}
