import type { Container, Pod, PodSpec, PodStatus, ResourceRequirements } from '../generated/types.ts';
import { writeAmounts } from '../quota/amounts.ts';
import { containersTotal } from '../quota/pod-amounts.ts';
import type { DefaultsTable } from './defaults.ts';

const core = 'io.k8s.api.core.v1.';

/** `Always` for images whose tag moves: `latest`, or neither tag nor digest. */
export function pullPolicyOf(image: string | undefined): 'Always' | 'IfNotPresent' {
  if (!image) return 'IfNotPresent';
  const [reference = '', digest] = image.split('@');
  const last = reference.slice(reference.lastIndexOf('/') + 1);
  const tag = last.includes(':') ? last.slice(last.indexOf(':') + 1) : digest === undefined ? 'latest' : '';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

const containerDefaults = {
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: (c: Container) => pullPolicyOf(c.image),
};

/** A limit without a request is the request, too. */
function requestsFromLimits(container: Container): void {
  const limits = container.resources?.limits;
  if (!limits || !container.resources) return;
  const requests = { ...container.resources.requests };
  for (const [name, amount] of Object.entries(limits)) requests[name] ??= amount;
  container.resources.requests = sortedByKey(requests);
}

const sortedByKey = <T>(map: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));

function hostPorts(container: Container): void {
  for (const port of container.ports ?? []) if (!port.hostPort) port.hostPort = port.containerPort;
}

function podItself(pod: Pod): void {
  const spec: PodSpec = pod.spec;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    requestsFromLimits(container);
    if (spec.hostNetwork) hostPorts(container);
  }
  if (spec.resources) podLevel(spec, spec.resources);
  spec.enableServiceLinks ??= true;
}

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');
const isPodLevel = (name: string): boolean => name === 'cpu' || name === 'memory' || isHugePages(name);

/** What a pod as a whole may have, where it says some of it: the rest follows from its containers, then from its limits. */
function podLevel(spec: PodSpec, resources: ResourceRequirements): void {
  const wants = (part: 'limits' | 'requests') => Object.keys(resources[part] ?? {}).length > 0;
  if (!wants('limits') && !wants('requests')) return;
  const of = (part: 'limits' | 'requests') => Object.entries(writeAmounts(containersTotal(spec, part)));
  const limits = { ...resources.limits };
  for (const [name, amount] of of('limits'))
    if (isHugePages(name) && resources.requests?.[name] === undefined) limits[name] ??= amount;
  if (Object.keys(limits).length === 0) return;
  const requests = { ...resources.requests };
  for (const [name, amount] of of('requests')) if (isPodLevel(name) && !isHugePages(name)) requests[name] ??= amount;
  for (const [name, amount] of Object.entries(limits)) if (isPodLevel(name)) requests[name] ??= amount;
  resources.limits = sortedByKey(limits);
  if (Object.keys(requests).length > 0) resources.requests = sortedByKey(requests);
}

/** `serviceAccount` is the old name of `serviceAccountName`: both are written, the newer one wins. */
function serviceAccountAlias(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount;
  if (!name) return;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
}

/** `podIP` is the first of `podIPs`; where they disagree, `podIP` wins. */
function podAddresses(status: PodStatus): void {
  if (status.podIP && status.podIPs?.[0]?.ip !== status.podIP) status.podIPs = [{ ip: status.podIP }];
  else if (!status.podIP && status.podIPs?.[0]) status.podIP = status.podIPs[0].ip;
}

const modeDefault = { unset: { defaultMode: 0o644 } };

/** Pods and everything that a pod template contains. */
export const podDefaults: DefaultsTable = {
  [`${core}Pod`]: { apply: podItself, reorder: ['spec'] },
  [`${core}PodStatus`]: { apply: podAddresses },
  [`${core}PodSpec`]: {
    apply: serviceAccountAlias,
    unset: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      securityContext: () => ({}),
      schedulerName: 'default-scheduler',
    },
  },
  [`${core}Container`]: { unset: containerDefaults },
  [`${core}EphemeralContainer`]: { unset: containerDefaults },
  [`${core}ContainerPort`]: { unset: { protocol: 'TCP' } },
  [`${core}Probe`]: { unset: { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 } },
  [`${core}GRPCAction`]: { unset: { service: '' } },
  [`${core}HTTPGetAction`]: { unset: { path: '/', scheme: 'HTTP' } },
  [`${core}Volume`]: {
    apply(volume: Record<string, unknown>) {
      if (!Object.keys(volume).some((member) => member !== 'name')) volume.emptyDir = {};
    },
  },
  [`${core}ImageVolumeSource`]: {
    unset: { pullPolicy: (source: { reference?: string }) => pullPolicyOf(source.reference) },
  },
  [`${core}SecretVolumeSource`]: modeDefault,
  [`${core}ConfigMapVolumeSource`]: modeDefault,
  [`${core}DownwardAPIVolumeSource`]: modeDefault,
  [`${core}ProjectedVolumeSource`]: modeDefault,
  [`${core}ServiceAccountTokenProjection`]: { unset: { expirationSeconds: 3600 } },
  [`${core}HostPathVolumeSource`]: { unset: { type: '' } },
  [`${core}FileKeySelector`]: { unset: { optional: false } },
  [`${core}ObjectFieldSelector`]: { unset: { apiVersion: 'v1' } },
  [`${core}ISCSIVolumeSource`]: { unset: { iscsiInterface: 'default' } },
  [`${core}ISCSIPersistentVolumeSource`]: { unset: { iscsiInterface: 'default' } },
  [`${core}RBDVolumeSource`]: { unset: { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' } },
  [`${core}RBDPersistentVolumeSource`]: { unset: { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' } },
  [`${core}AzureDiskVolumeSource`]: {
    unset: { cachingMode: 'ReadWrite', fsType: 'ext4', readOnly: false, kind: 'Shared' },
  },
  [`${core}ScaleIOVolumeSource`]: { unset: { storageMode: 'ThinProvisioned', fsType: 'xfs' } },
  [`${core}ScaleIOPersistentVolumeSource`]: { unset: { storageMode: 'ThinProvisioned', fsType: 'xfs' } },
};
