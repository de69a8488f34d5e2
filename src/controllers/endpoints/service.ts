import { endpoints, pods, services } from '../../api/generated/resources.ts';
import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { hasSelector, isBehind, portsKey, portsOf } from '../endpointslice/endpoints.ts';
import { sliceLabels, triggerAnnotation, triggerTime } from '../endpointslice/service.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { isPodReady } from '../pod-state.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';

const managedBy = 'endpoints.kubernetes.io/managed-by';
const overCapacity = 'endpoints.kubernetes.io/over-capacity';
const maxAddresses = 1000;

/** Keeps the older core/v1 Endpoints of services with a selector, for clients that do not know slices. */
export const endpointsService = defineController({
  name: 'endpoints.service',
  serviceAccount: 'endpoint-controller',
  eventSource: 'endpoint-controller',
  setup(context) {
    const all = context.informer(services);
    const allPods = context.informer(pods);
    const existing = context.informer(endpoints);
    const servicesOf = (pod: Pod) =>
      all
        .list(pod.metadata.namespace)
        .filter((s) => hasSelector(s) && isBehind(s, withAddress(pod)))
        .map((s) => keyText(keyOf(s)));
    return {
      watches: [
        watch(all, (s) => [keyText(keyOf(s))]),
        watch(allPods, servicesOf),
        watch(existing, (e) => [keyText(keyOf(e))]),
      ],
      async reconcile(key, client) {
        const service = all.get(key);
        const known = existing.get(key);
        if (!service) {
          if (known?.metadata.labels?.[managedBy] === 'endpoint-controller') await remove(client, known);
          return done;
        }
        if (!hasSelector(service) || service.metadata.deletionTimestamp) return done;
        const behind = allPods.list(service.metadata.namespace).filter((pod) => isBehind(service, pod));
        await write(client, known, { service, behind });
        return done;
      },
    };
  },
});

/** For asking about labels alone: a pod that lost its address or finished has to leave. */
const withAddress = (pod: Pod): Pod => ({ ...pod, status: { podIP: '0.0.0.0' } });

async function write(
  client: Client,
  known: Endpoints | undefined,
  { service, behind }: { service: Service; behind: Pod[] },
): Promise<void> {
  const { subsets, isCut } = subsetsOf(service, behind);
  const labels = {
    ...service.metadata.labels,
    [managedBy]: 'endpoint-controller',
    ...(service.spec.clusterIP === 'None' ? { [sliceLabels.headless]: '' } : {}),
  };
  const { [overCapacity]: wasCut, ...others } = known?.metadata.annotations ?? {};
  const isSettled =
    known &&
    sameJson(known.subsets ?? [], subsets) &&
    sameJson(known.metadata.labels, labels) &&
    (wasCut !== undefined) === isCut;
  if (isSettled) return;
  const annotations = {
    ...others,
    [triggerAnnotation]: triggerTime(service, behind),
    ...(isCut ? { [overCapacity]: 'truncated' } : {}),
  };
  if (known) {
    await client.update(endpoints, { ...known, metadata: { ...known.metadata, labels, annotations }, subsets });
    return;
  }
  try {
    const metadata = { ...keyOf(service), labels, annotations };
    await client.create(endpoints, { metadata, subsets: subsets.length > 0 ? subsets : undefined });
  } catch (error) {
    if (!isNamespaceGoing(error)) throw error;
  }
}

/** One subset per set of ports, everything in order. Pods that are going are left out unless unready ones are wanted. */
export function subsetsOf(service: Service, behind: Pod[]): { subsets: EndpointSubset[]; isCut: boolean } {
  const groups = new Map<string, Required<EndpointSubset>>();
  const anyway = service.spec.publishNotReadyAddresses === true;
  let count = 0;
  for (const pod of [...behind].sort(byAddress)) {
    if (pod.metadata.deletionTimestamp && !anyway) continue;
    if (++count > maxAddresses) break;
    const ports = portsOf(service, pod).map(({ name, ...p }) => ({
      ...(name ? { name } : {}),
      ...p,
      port: p.port ?? 0,
    }));
    const key = portsKey(ports);
    const group = groups.get(key) ?? { addresses: [], notReadyAddresses: [], ports };
    groups.set(key, group);
    (anyway || isPodReady(pod) ? group.addresses : group.notReadyAddresses).push(addressOf(service, pod));
  }
  const subsets = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => withoutEmpty(group));
  return { subsets, isCut: count > maxAddresses };
}

const byAddress = (a: Pod, b: Pod): number => ((a.status?.podIP ?? '') < (b.status?.podIP ?? '') ? -1 : 1);

function addressOf(service: Service, pod: Pod): EndpointAddress {
  const { namespace, name, uid } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec;
  return {
    ip: pod.status?.podIP ?? '',
    ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

const withoutEmpty = (subset: EndpointSubset): EndpointSubset =>
  Object.fromEntries(Object.entries(subset).filter(([, list]) => (list as unknown[]).length > 0));

async function remove(client: Client, known: Endpoints): Promise<void> {
  try {
    await client.delete(endpoints, keyOf(known), { preconditions: { uid: known.metadata.uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
