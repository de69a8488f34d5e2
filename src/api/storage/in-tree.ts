import type { CSIPersistentVolumeSource, PersistentVolume } from '../generated/types.ts';

/** A plugin that once was in Kubernetes itself, and the CSI driver that has taken over from it. */
interface InTreePlugin {
  /** As a StorageClass names it. */
  name: string;
  driver: string;
  /** What the volume is to the driver; undefined when it is of another plugin. */
  translate(volume: PersistentVolume): Omit<CSIPersistentVolumeSource, 'driver'> | undefined;
}

/** Handles and attributes as in k8s.io/csi-translation-lib (KEP-625): drivers read them. */
const plugins: readonly InTreePlugin[] = [
  {
    name: 'kubernetes.io/aws-ebs',
    driver: 'ebs.csi.aws.com',
    translate: ({ spec: { awsElasticBlockStore: source } }) =>
      source && {
        // `aws://us-west-2b/vol-1`, or only the id.
        volumeHandle: source.volumeID.replace(/^aws:\/\/[^/]*\/+/, ''),
        ...mounted(source),
        volumeAttributes: { partition: String(source.partition ?? 0) },
      },
  },
  {
    name: 'kubernetes.io/azure-disk',
    driver: 'disk.csi.azure.com',
    translate: ({ spec: { azureDisk: source } }) =>
      source && {
        volumeHandle: source.diskURI,
        ...mounted(source),
        volumeAttributes: {
          kind: source.kind ?? 'Managed',
          ...(source.cachingMode ? { cachingMode: source.cachingMode } : {}),
          ...(source.fsType ? { fsType: source.fsType } : {}),
        },
      },
  },
  { name: 'kubernetes.io/azure-file', driver: 'file.csi.azure.com', translate: azureFile },
  {
    name: 'kubernetes.io/cinder',
    driver: 'cinder.csi.openstack.org',
    translate: ({ spec: { cinder: source } }) =>
      source && { volumeHandle: source.volumeID, ...mounted(source), volumeAttributes: {} },
  },
  {
    name: 'kubernetes.io/gce-pd',
    driver: 'pd.csi.storage.gke.io',
    translate: (volume) => {
      const source = volume.spec.gcePersistentDisk;
      return (
        source && {
          volumeHandle: `projects/UNSPECIFIED/${placeOf(volume)}/disks/${source.pdName}`,
          ...mounted(source),
          volumeAttributes: { partition: source.partition ? String(source.partition) : '' },
        }
      );
    },
  },
  {
    name: 'kubernetes.io/portworx-volume',
    driver: 'pxd.portworx.com',
    translate: ({ spec: { portworxVolume: source } }) =>
      source && { volumeHandle: source.volumeID, fsType: source.fsType, volumeAttributes: {} },
  },
  {
    name: 'kubernetes.io/vsphere-volume',
    driver: 'csi.vsphere.vmware.com',
    translate: ({ spec: { vsphereVolume: source } }) =>
      source && {
        volumeHandle: source.volumePath,
        fsType: source.fsType,
        volumeAttributes: source.storagePolicyName ? { storagepolicyname: source.storagePolicyName } : {},
      },
  },
];

/** What a CSI driver has to do with the volume: by its own word, or for a plugin that once was in Kubernetes itself. */
export function csiSourceOf(volume: PersistentVolume): CSIPersistentVolumeSource | undefined {
  if (volume.spec.csi) return volume.spec.csi;
  for (const { driver, translate } of plugins) {
    const source = translate(volume);
    if (source) return { driver, ...source };
  }
  return undefined;
}

/** The driver that has taken over from the plugin that a StorageClass names; any other name stays as it is. */
export const driverOfProvisioner = (provisioner: string): string =>
  plugins.find(({ name }) => name === provisioner)?.driver ?? provisioner;

/** The plugins whose volumes are left to CSI drivers, as a CSINode tells of them. */
export const migratedPlugins: readonly string[] = plugins.map(({ name }) => name);

const mounted = ({ fsType, readOnly }: { fsType?: string; readOnly?: boolean }) => ({ fsType, readOnly });

/** Zonal, or regional for a disk that is in several zones. */
function placeOf({ metadata: { labels } }: PersistentVolume): string {
  const label = labels?.['topology.kubernetes.io/zone'] ?? labels?.['failure-domain.beta.kubernetes.io/zone'];
  const zones = label ? label.split('__') : ['UNSPECIFIED'];
  const region = (zone: string | undefined) => zone?.split('-').slice(0, 2).join('-');
  return zones.length > 1 ? `regions/${region(zones[0])}` : `zones/${zones[0]}`;
}

function azureFile({ metadata, spec }: PersistentVolume): Omit<CSIPersistentVolumeSource, 'driver'> | undefined {
  const { azureFile: source, claimRef } = spec;
  if (!source) return undefined;
  const { secretName, shareName, readOnly } = source;
  const namespace = source.secretNamespace ?? claimRef?.namespace ?? '';
  const group = metadata.annotations?.['kubernetes.io/azure-file-resource-group'] ?? '';
  const account = /azure-storage-account-(.+)-secret/.exec(secretName)?.[1] ?? secretName;
  return {
    volumeHandle: [group, account, shareName, metadata.name, namespace].join('#'),
    readOnly,
    volumeAttributes: { sharename: shareName },
    nodeStageSecretRef: { name: secretName, namespace },
  };
}
