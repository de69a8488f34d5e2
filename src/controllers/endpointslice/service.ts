import { endpointslices, nodes, pods, services } from '../../api/generated/resources.ts';
import type { EndpointSlice, Pod, Service } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { controllerReference } from '../ownership.ts';
import { podCondition } from '../pod-state.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { type AddressFamily, hasSelector, isBehind, portGroups } from './endpoints.ts';
import { planSlices, type SlicePlan } from './plan.ts';

export const sliceLabels = {
  service: 'kubernetes.io/service-name',
  managedBy: 'endpointslice.kubernetes.io/managed-by',
  headless: 'service.kubernetes.io/headless',
} as const;
export const triggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';
const manager = 'endpointslice-controller.k8s.io';

/** Keeps the EndpointSlices of services with a selector. */
export const endpointSliceService = defineController({
  name: 'endpointslice.service',
  serviceAccount: 'endpointslice-controller',
  eventSource: 'endpoint-slice-controller',
  setup(context) {
    const all = context.informer(services);
    const allPods = context.informer(pods);
    const slices = context.informer(endpointslices);
    const allNodes = context.informer(nodes);
    slices.addIndex('service', (s) => (isOurs(s) ? [serviceKey(s)] : []));
    const servicesOf = (pod: Pod) =>
      all
        .list(pod.metadata.namespace)
        .filter((s) => hasSelector(s) && isSelected(s, pod))
        .map((s) => keyText(keyOf(s)));

    return {
      watches: [
        watch(all, (s) => [keyText(keyOf(s))]),
        watch(allPods, servicesOf),
        watch(slices, (s) => (isOurs(s) ? [serviceKey(s)] : [])),
      ],
      async reconcile(key, client) {
        const service = all.get(key);
        const existing = slices.index('service', key).filter((s) => !s.metadata.deletionTimestamp);
        if (!service) {
          await Promise.all(existing.map((slice) => remove(client, slice)));
          return done;
        }
        if (!hasSelector(service) || service.metadata.deletionTimestamp) return done;
        const behind = allPods.list(service.metadata.namespace).filter((pod) => isBehind(service, pod));
        const families = familiesOf(service);
        for (const slice of existing) {
          if (!families.includes(slice.addressType as string as AddressFamily)) await remove(client, slice);
        }
        for (const family of families) {
          const groups = portGroups(service, behind, { family, nodeOf: (name) => allNodes.get(name) });
          const ofFamily = existing.filter((slice) => (slice.addressType as string) === family);
          const labels = labelsOf(service);
          const plan = planSlices(ofFamily, groups, (slice) => sameJson(slice.metadata.labels, labels));
          await carryOut(client, plan, { service, family, trigger: triggerTime(service, behind) });
        }
        return done;
      },
    };
  },
});

const isOurs = (s: EndpointSlice): boolean => s.metadata.labels?.[sliceLabels.managedBy] === manager;
const serviceKey = (s: EndpointSlice): string =>
  `${s.metadata.namespace}/${s.metadata.labels?.[sliceLabels.service] ?? ''}`;

/** Also pods without an address or finished ones: their going changes the service. */
const isSelected = (service: Service, pod: Pod): boolean =>
  Object.entries(service.spec.selector ?? {}).every(([k, v]) => pod.metadata.labels?.[k] === v);

const familiesOf = ({ spec }: Service): AddressFamily[] =>
  spec.ipFamilies && spec.ipFamilies.length > 0 ? (spec.ipFamilies as AddressFamily[]) : ['IPv4'];

function labelsOf(service: Service): Record<string, string> {
  const { [sliceLabels.headless]: _, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    [sliceLabels.service]: service.metadata.name,
    [sliceLabels.managedBy]: manager,
    ...(service.spec.clusterIP === 'None' ? { [sliceLabels.headless]: '' } : {}),
  };
}

/** When the newest thing happened that the slices have to say: for measuring how long it took. */
export function triggerTime(service: Service, behind: Pod[]): string {
  const times = behind.map((pod) => podCondition(pod, 'Ready')?.lastTransitionTime ?? '');
  return [service.metadata.creationTimestamp ?? '', ...times].reduce((a, b) => (a > b ? a : b));
}

async function carryOut(
  client: Client,
  plan: SlicePlan,
  { service, family, trigger }: { service: Service; family: AddressFamily; trigger: string },
): Promise<void> {
  const labels = labelsOf(service);
  const annotations = { [triggerAnnotation]: trigger };
  const { name, namespace } = service.metadata;
  const ownerReferences = [controllerReference(services, service)];
  for (const { ports, endpoints } of plan.create) {
    const metadata = { generateName: `${name}-`, namespace, labels, annotations, ownerReferences };
    try {
      await client.create(endpointslices, {
        metadata,
        addressType: family as EndpointSlice['addressType'],
        ports,
        endpoints,
      });
    } catch (error) {
      if (!isNamespaceGoing(error)) throw error;
      return;
    }
  }
  for (const { slice, endpoints } of plan.update) {
    const metadata = { ...slice.metadata, labels, annotations: { ...slice.metadata.annotations, ...annotations } };
    await client.update(endpointslices, { ...slice, metadata, endpoints });
  }
  for (const slice of plan.remove) await remove(client, slice);
}

async function remove(client: Client, slice: EndpointSlice): Promise<void> {
  try {
    await client.delete(endpointslices, keyOf(slice), { preconditions: { uid: slice.metadata.uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
