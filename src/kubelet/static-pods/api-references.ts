import type { Pod, Volume, VolumeProjection, VolumeSource } from '../../api/generated/types.ts';
import { containersOf } from '../worker/pod-spec.ts';

/**
 * The resource of an object of the API that the pod names, in the kubelet's words; undefined when it can do with what the node
 * has. A pod from a file must: it is to run without an API server, and who may write files on a node may not read what others
 * keep there. Source: kubernetes.io "Create static Pods", gate PreventStaticPodAPIReferences.
 */
export function apiReferenceOf(pod: Pod): string | undefined {
  const { spec } = pod;
  if (spec.serviceAccountName || spec.serviceAccount) return 'serviceaccounts';
  if (secretNames(pod).some(Boolean)) return 'secrets';
  if (configMapNames(pod).some(Boolean)) return 'configmaps';
  if (spec.resourceClaims?.length) return 'resourceclaims';
  for (const volume of spec.volumes ?? []) {
    const reference = found(volume, ofVolumes) ?? ofProjected(volume);
    if (reference) return reference;
  }
  return undefined;
}

type Names = (string | undefined)[];

const secretNames = (pod: Pod): Names => [
  ...(pod.spec.imagePullSecrets ?? []).map(({ name }) => name),
  ...containersOf(pod).flatMap(({ container: { envFrom = [], env = [] } }) => [
    ...envFrom.map(({ secretRef }) => secretRef?.name),
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
  ]),
  ...(pod.spec.volumes ?? []).flatMap(secretsOfVolume),
];

function secretsOfVolume(volume: Volume): Names {
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, projected, rbd, scaleIO, secret, storageos } = volume;
  const withSecret = [cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos];
  return [
    ...[azureFile?.secretName, csi?.nodePublishSecretRef?.name, secret?.secretName],
    ...withSecret.map((source) => source?.secretRef?.name),
    ...(projected?.sources ?? []).map((source) => source.secret?.name),
  ];
}

const configMapNames = (pod: Pod): Names => [
  ...containersOf(pod).flatMap(({ container: { envFrom = [], env = [] } }) => [
    ...envFrom.map(({ configMapRef }) => configMapRef?.name),
    ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
  ]),
  ...(pod.spec.volumes ?? []).flatMap(({ configMap, projected }) => [
    configMap?.name,
    ...(projected?.sources ?? []).map((source) => source.configMap?.name),
  ]),
];

/** What has no name, or none that was looked for above. */
const ofVolumes: readonly [keyof VolumeSource, string][] = [
  ['configMap', 'configmaps (via configmap volumes)'],
  ['secret', 'secrets (via secret volumes)'],
  ['csi', 'csidrivers (via CSI volumes)'],
  ['glusterfs', 'endpoints (via glusterFS volumes)'],
  ['persistentVolumeClaim', 'persistentvolumeclaims'],
  ['ephemeral', 'persistentvolumeclaims (via ephemeral volumes)'],
  ['azureFile', 'secrets (via azureFile volumes)'],
];

const ofProjections: readonly [keyof VolumeProjection, string][] = [
  ['configMap', 'configmaps (via projected volumes)'],
  ['secret', 'secrets (via projected volumes)'],
  ['serviceAccountToken', 'serviceaccounts (via projected volumes)'],
  ['clusterTrustBundle', 'clustertrustbundles'],
  ['podCertificate', 'podcertificates'],
];

const ofProjected = ({ projected }: Volume): string | undefined =>
  projected?.sources?.map((source) => found(source, ofProjections)).find(Boolean);

const found = <T>(source: T, table: readonly [keyof T, string][]): string | undefined =>
  table.find(([member]) => source[member])?.[1];
