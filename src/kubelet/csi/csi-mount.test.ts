import { describe, expect, it } from 'vitest';
import type { CSIDriver, CSIDriverSpec, PersistentVolumeSpec, Pod } from '../../api/generated/types.ts';
import type { NodeCapability } from './csi-api.ts';
import { capabilityOf, inlineMount, isGivenToGroup, mountOfVolume, needsAttachment } from './csi-mount.ts';

const pod = (fsGroup?: number): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'c' }], securityContext: { fsGroup } },
  status: {},
});
const mountOf = (spec: PersistentVolumeSpec, { readOnly = false, fsType = 'ext4' } = {}) =>
  mountOfVolume(
    { pod: pod(7), volume: { name: 'data' }, readOnly },
    { metadata: { name: 'pv' }, spec: { csi: { driver: 'd', volumeHandle: 'h', fsType }, ...spec }, status: {} },
  );
const rules = (spec: CSIDriverSpec): CSIDriver => ({ metadata: { name: 'd' }, spec });
const has = (...capabilities: NodeCapability[]) => new Set(capabilities);
const once = { accessModes: ['ReadWriteOnce'] };

describe('capabilityOf', () => {
  const modeOf = (mode: string, ...capabilities: NodeCapability[]) =>
    capabilityOf(mountOf({ accessModes: [mode] }), has(...capabilities)).accessMode.mode;

  it('names access modes, finer ones for a driver that knows them', () => {
    const all = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'];
    expect(all.map((mode) => modeOf(mode))).toEqual([
      ...['SINGLE_NODE_WRITER', 'MULTI_NODE_READER_ONLY', 'MULTI_NODE_MULTI_WRITER', 'SINGLE_NODE_WRITER'],
    ]);
    expect(all.map((mode) => modeOf(mode, 'SINGLE_NODE_MULTI_WRITER'))).toEqual([
      ...['SINGLE_NODE_MULTI_WRITER', 'MULTI_NODE_READER_ONLY', 'MULTI_NODE_MULTI_WRITER', 'SINGLE_NODE_SINGLE_WRITER'],
    ]);
  });

  it('passes file system, mount options, and the group to a driver that mounts with it', () => {
    const mount = mountOf({ ...once, mountOptions: ['noatime'] });
    expect(capabilityOf(mount, has()).mount).toEqual({ fsType: 'ext4', mountFlags: ['noatime'] });
    expect(capabilityOf(mount, has('VOLUME_MOUNT_GROUP')).mount?.volumeMountGroup).toBe('7');
  });
});

describe('isGivenToGroup', () => {
  const isGiven = (spec: CSIDriverSpec, mount = mountOf(once), ...capabilities: NodeCapability[]) =>
    isGivenToGroup(mount, rules(spec), has(...capabilities));

  it('follows the driver’s fsGroupPolicy', () => {
    expect(isGiven({ fsGroupPolicy: 'None' })).toBe(false);
    expect(isGiven({ fsGroupPolicy: 'File' }, mountOf({ accessModes: ['ReadWriteMany'] }, { fsType: '' }))).toBe(true);
    expect(isGiven({})).toBe(true);
    expect(isGivenToGroup(mountOf(once), undefined, has())).toBe(true);
    expect(isGiven({}, mountOf(once, { fsType: '' }))).toBe(false);
    expect(isGiven({}, mountOf({ accessModes: ['ReadWriteMany'] }))).toBe(false);
    expect(isGiven({}, inlineMount(pod(7), { name: 'v', csi: { driver: 'd', fsType: 'ext4' } }))).toBe(true);
  });

  it('never where the driver does it, the pod has no group, or nobody may write', () => {
    expect(isGiven({ fsGroupPolicy: 'File' }, mountOf(once), 'VOLUME_MOUNT_GROUP')).toBe(false);
    const nobody = { ...mountOf(once), pod: pod() };
    expect(isGiven({ fsGroupPolicy: 'File' }, nobody)).toBe(false);
    expect(isGiven({ fsGroupPolicy: 'File' }, mountOf(once, { readOnly: true }))).toBe(false);
  });
});

it('a volume of a plugin that a driver took over from is that driver’s', () => {
  const spec = { awsElasticBlockStore: { volumeID: 'aws:///vol-1', fsType: 'xfs' }, ...once };
  const volume = { metadata: { name: 'pv' }, spec, status: {} };
  expect(mountOfVolume({ pod: pod(), volume: { name: 'data' }, readOnly: false }, volume)).toMatchObject({
    ...{ driver: 'ebs.csi.aws.com', handle: 'vol-1', fsType: 'xfs', specName: 'pv' },
  });
});

describe('needsAttachment', () => {
  it('unless the driver says no, or the volume is the pod’s own', () => {
    expect(needsAttachment(mountOf(once), undefined)).toBe(true);
    expect(needsAttachment(mountOf(once), rules({}))).toBe(true);
    expect(needsAttachment(mountOf(once), rules({ attachRequired: false }))).toBe(false);
    expect(needsAttachment(inlineMount(pod(), { name: 'v', csi: { driver: 'd' } }), rules({}))).toBe(false);
  });
});
