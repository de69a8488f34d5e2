import type {
  LimitRangeItem,
  Namespace,
  NodeSpec,
  ReplicationController,
  Secret,
  Service,
  ServicePort,
} from '../generated/types.ts';
import { canonicalQuantity, formatQuantity, parseQuantity, roundToMilli } from '../meta/quantity.ts';
import type { DefaultsTable } from './defaults.ts';

const core = 'io.k8s.api.core.v1.';

const finerThanMilli = /[nu]$|\./;

/** Amounts of resources are kept to thousandths. */
function roundResources(list: Record<string, string>): void {
  for (const [name, amount] of Object.entries(list))
    if (finerThanMilli.test(amount))
      list[name] = canonicalQuantity(formatQuantity(roundToMilli(parseQuantity(amount))));
}

function affinityOf(service: Service): void {
  const { spec } = service;
  spec.sessionAffinity ||= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && !spec.sessionAffinityConfig?.clientIP?.timeoutSeconds)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } };
}

function trafficOf(service: Service): void {
  const { spec } = service;
  const balanced = spec.type === 'LoadBalancer';
  const external = balanced || spec.type === 'NodePort' || (spec.type === 'ClusterIP' && spec.externalIPs?.length);
  if (external) spec.externalTrafficPolicy ||= 'Cluster';
  if (spec.type === 'ClusterIP' || spec.type === 'NodePort' || balanced) spec.internalTrafficPolicy ||= 'Cluster';
  if (balanced) spec.allocateLoadBalancerNodePorts ??= true;
  if (!balanced) return;
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
}

function service(object: Service): void {
  affinityOf(object);
  object.spec.type ||= 'ClusterIP';
  trafficOf(object);
}

function limits(item: LimitRangeItem): void {
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
  for (const member of ['default', 'defaultRequest'] as const) {
    const entries = Object.entries(item[member] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    item[member] = entries.length > 0 ? Object.fromEntries(entries) : undefined;
  }
}

function fromTemplate(controller: ReplicationController): void {
  const labels = controller.spec.template?.metadata?.labels;
  if (!labels || Object.keys(labels).length === 0) return;
  if (!controller.spec.selector) controller.spec.selector = { ...labels };
  if (!controller.metadata.labels) controller.metadata.labels = { ...labels };
}

function nameLabel(namespace: Namespace): void {
  const { name, labels } = namespace.metadata;
  if (!name) return;
  const all = { ...labels, 'kubernetes.io/metadata.name': name };
  namespace.metadata.labels = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `stringData` is for writers only: it ends up in `data`, where it wins. */
function encodeStringData(secret: Secret): void {
  if (!secret.stringData) return;
  const data = { ...secret.data };
  for (const [key, text] of Object.entries(secret.stringData)) data[key] = Buffer.from(text).toString('base64');
  secret.data = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
  delete secret.stringData;
}

/** `podCIDR` is the first of `podCIDRs`; where they disagree, `podCIDR` wins. */
function podCidrs(spec: NodeSpec): void {
  if (spec.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
  else if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
}

/** The kinds of the core group except pods. */
export const coreDefaults: DefaultsTable = {
  [`${core}ResourceList`]: { apply: roundResources },
  [`${core}Service`]: { apply: service, reorder: ['spec', 'status'] },
  [`${core}ServicePort`]: {
    unset: { protocol: 'TCP', targetPort: (port: ServicePort) => port.port },
  },
  [`${core}Secret`]: { apply: encodeStringData, unset: { type: 'Opaque' } },
  [`${core}NodeSpec`]: { apply: podCidrs },
  [`${core}PersistentVolumeStatus`]: { unset: { phase: 'Pending' } },
  [`${core}PersistentVolumeSpec`]: {
    unset: { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' },
  },
  [`${core}PersistentVolumeClaimStatus`]: { unset: { phase: 'Pending' } },
  [`${core}PersistentVolumeClaimSpec`]: { unset: { volumeMode: 'Filesystem' } },
  [`${core}EndpointPort`]: { unset: { protocol: 'TCP' } },
  [`${core}Namespace`]: { apply: nameLabel, reorder: ['metadata'] },
  [`${core}NamespaceStatus`]: { unset: { phase: 'Active' } },
  [`${core}NodeStatus`]: {
    unset: { allocatable: (status: { capacity?: object }) => status.capacity && { ...status.capacity } },
  },
  [`${core}LimitRangeItem`]: { apply: limits },
  [`${core}ReplicationController`]: { apply: fromTemplate, reorder: ['metadata'] },
  [`${core}ReplicationControllerSpec`]: { unset: { replicas: 1 } },
};
