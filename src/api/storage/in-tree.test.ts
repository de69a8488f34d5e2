import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeSpec } from '../generated/types.ts';
import { csiSourceOf, driverOfProvisioner, migratedPlugins } from './in-tree.ts';

const volume = (spec: PersistentVolumeSpec, labels: Record<string, string> = {}): PersistentVolume => ({
  metadata: { name: 'pv', labels },
  spec,
  status: {},
});

describe('csiSourceOf', () => {
  it('is the volume’s own where it has one, and nothing for volumes of no driver', () => {
    const csi = { driver: 'd', volumeHandle: 'h' };
    expect(csiSourceOf(volume({ csi }))).toEqual(csi);
    expect(csiSourceOf(volume({ hostPath: { path: '/x' } }))).toBeUndefined();
  });

  it('knows the disks of AWS by their ids', () => {
    for (const volumeID of ['aws://us-west-2b/vol-1', 'aws:///vol-1', 'vol-1'])
      expect(csiSourceOf(volume({ awsElasticBlockStore: { volumeID, fsType: 'ext4' } }))).toEqual({
        ...{ driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1', fsType: 'ext4' },
        volumeAttributes: { partition: '0' },
      });
  });

  it('knows the disks of Google by the place that their labels name', () => {
    const handle = (zone?: string) =>
      csiSourceOf(volume({ gcePersistentDisk: { pdName: 'd' } }, zone ? { 'topology.kubernetes.io/zone': zone } : {}))
        ?.volumeHandle;
    expect(handle('europe-west1-b')).toBe('projects/UNSPECIFIED/zones/europe-west1-b/disks/d');
    expect(handle('europe-west1-b__europe-west1-c')).toBe('projects/UNSPECIFIED/regions/europe-west1/disks/d');
    expect(handle()).toBe('projects/UNSPECIFIED/zones/UNSPECIFIED/disks/d');
  });

  it('knows those of the others', () => {
    const azureDisk = { diskName: 'd', diskURI: '/subscriptions/s/disks/d', cachingMode: 'None' as const };
    expect(csiSourceOf(volume({ azureDisk }))).toMatchObject({
      ...{ driver: 'disk.csi.azure.com', volumeHandle: azureDisk.diskURI },
      volumeAttributes: { kind: 'Managed', cachingMode: 'None' },
    });
    const azureFile = { secretName: 'azure-storage-account-acc-secret', shareName: 'share' };
    expect(csiSourceOf(volume({ azureFile, claimRef: { namespace: 'ns', name: 'c' } }))).toMatchObject({
      ...{ driver: 'file.csi.azure.com', volumeHandle: '#acc#share#pv#ns' },
      nodeStageSecretRef: { name: azureFile.secretName, namespace: 'ns' },
      volumeAttributes: { sharename: 'share' },
    });
    expect(csiSourceOf(volume({ cinder: { volumeID: 'c' } }))).toMatchObject({ volumeHandle: 'c' });
    expect(csiSourceOf(volume({ portworxVolume: { volumeID: 'p' } }))).toMatchObject({ driver: 'pxd.portworx.com' });
    const vsphereVolume = { volumePath: '[ds] a.vmdk', storagePolicyName: 'gold' };
    expect(csiSourceOf(volume({ vsphereVolume }))).toMatchObject({
      ...{ driver: 'csi.vsphere.vmware.com', volumeHandle: '[ds] a.vmdk' },
      volumeAttributes: { storagepolicyname: 'gold' },
    });
  });
});

it('driverOfProvisioner knows who took over', () => {
  expect(driverOfProvisioner('kubernetes.io/aws-ebs')).toBe('ebs.csi.aws.com');
  expect(driverOfProvisioner('disk.example.com')).toBe('disk.example.com');
  expect(migratedPlugins).toHaveLength(7);
});
