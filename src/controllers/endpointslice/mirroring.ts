import { endpoints, endpointslices, services } from '../../api/generated/resources.ts';
import type { EndpointSlice, Endpoints, Service } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { isNamespaceGoing } from '../namespace-going.ts';
import { controllerReference } from '../ownership.ts';
import { type ControllerContext, defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import type { AddressFamily, PortGroup } from './endpoints.ts';
import { maxMirrored, mirrorGroups } from './mirror-groups.ts';
import { planSlices } from './plan.ts';
import { sliceLabels, triggerAnnotation } from './service.ts';

const manager = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const managedByLabel = 'endpoints.kubernetes.io/managed-by';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const notCopied = new Set([triggerAnnotation, 'kubectl.kubernetes.io/last-applied-configuration']);

/** Slices for Endpoints that people write themselves, for services without a selector. */
export const endpointSliceMirroring = defineController({
  name: 'endpointslice.mirroring',
  serviceAccount: 'endpointslicemirroring-controller',
  eventSource: 'endpoint-slice-mirroring-controller',
  setup(context) {
    const all = context.informer(endpoints);
    const allServices = context.informer(services);
    const slices = context.informer(endpointslices);
    slices.addIndex('mirrored', (s) => (isOurs(s) ? [keyOfSlice(s)] : []));
    return {
      watches: [
        watch(all, (e) => [keyText(keyOf(e))]),
        watch(allServices, (s) => [keyText(keyOf(s))]),
        watch(slices, (s) => (isOurs(s) ? [keyOfSlice(s)] : [])),
      ],
      async reconcile(key, client) {
        const source = all.get(key);
        const existing = slices.index('mirrored', key).filter((s) => !s.metadata.deletionTimestamp);
        if (!source || !isMirrored(source, allServices.get(key))) {
          await Promise.all(existing.map((slice) => remove(client, slice)));
          return done;
        }
        const { byFamily, invalid, left } = mirrorGroups(source);
        tell(context, source, { invalid, left });
        for (const family of ['IPv4', 'IPv6'] as const) {
          const ofFamily = existing.filter((slice) => (slice.addressType as string) === family);
          await mirror(client, { source, family, existing: ofFamily, groups: byFamily.get(family) ?? [] });
        }
        return done;
      },
    };
  },
});

const isOurs = (s: EndpointSlice): boolean => s.metadata.labels?.[sliceLabels.managedBy] === manager;
const keyOfSlice = (s: EndpointSlice): string =>
  `${s.metadata.namespace}/${s.metadata.labels?.[sliceLabels.service] ?? ''}`;

const isMirrored = ({ metadata }: Endpoints, service: Service | undefined): boolean =>
  service !== undefined &&
  Object.keys(service.spec.selector ?? {}).length === 0 &&
  !metadata.deletionTimestamp &&
  metadata.labels?.[skipLabel] !== 'true' &&
  metadata.annotations?.[leaderAnnotation] === undefined;

function tell(
  { recorder }: ControllerContext,
  source: Endpoints,
  { invalid, left }: { invalid: string[]; left: number },
): void {
  const about = { ...source, kind: 'Endpoints', apiVersion: 'v1' };
  if (invalid.length > 0) {
    recorder.event(
      about,
      'Warning',
      'InvalidIPAddress',
      `Skipped ${invalid.length} invalid IP addresses when mirroring to EndpointSlices`,
    );
  }
  if (left > 0) {
    recorder.event(
      about,
      'Warning',
      'TooManyAddressesToMirror',
      `A max of ${maxMirrored} addresses can be mirrored to EndpointSlices per Endpoints subset. ${left} addresses were skipped`,
    );
  }
}

interface Mirror {
  source: Endpoints;
  family: AddressFamily;
  existing: EndpointSlice[];
  groups: PortGroup[];
}

async function mirror(client: Client, { source, family, existing, groups }: Mirror): Promise<void> {
  if (groups.length === 0) {
    await Promise.all(existing.map((slice) => remove(client, slice)));
    return;
  }
  const { labels, annotations } = metaOf(source);
  const isCurrent = ({ metadata }: EndpointSlice) =>
    sameJson(metadata.labels, labels) && sameJson(metadata.annotations ?? {}, annotations);
  const plan = planSlices(existing, groups, isCurrent, maxMirrored);
  const { name, namespace } = source.metadata;
  const ownerReferences = [controllerReference(endpoints, source)];
  for (const group of plan.create) {
    const metadata = { generateName: `${name}-`, namespace, labels, annotations, ownerReferences };
    const addressType = family as EndpointSlice['addressType'];
    try {
      await client.create(endpointslices, { metadata, addressType, ...group });
    } catch (error) {
      if (!isNamespaceGoing(error)) throw error;
      return;
    }
  }
  for (const { slice, endpoints: list } of plan.update) {
    await client.update(endpointslices, {
      ...slice,
      metadata: { ...slice.metadata, labels, annotations },
      endpoints: list,
    });
  }
  for (const slice of plan.remove) await remove(client, slice);
}

function metaOf({ metadata }: Endpoints): { labels: Record<string, string>; annotations: Record<string, string> } {
  const { [managedByLabel]: _, ...own } = metadata.labels ?? {};
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => !notCopied.has(name));
  const labels = { ...own, [sliceLabels.service]: metadata.name, [sliceLabels.managedBy]: manager };
  return { labels, annotations: Object.fromEntries(annotations) };
}

async function remove(client: Client, slice: EndpointSlice): Promise<void> {
  try {
    await client.delete(endpointslices, keyOf(slice), { preconditions: { uid: slice.metadata.uid } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
