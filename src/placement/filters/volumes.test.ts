import { describe, expect, it } from 'vitest';
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  StorageClass,
  Volume,
} from '../../api/generated/types.ts';
import { Snapshot } from '../snapshot.ts';
import type { NodeFilter } from './node-filter.ts';
import { volumeBinding } from './volume-binding.ts';
import { volumeLimits } from './volume-limits.ts';
import { volumeRestrictions } from './volume-restrictions.ts';
import { volumeZone } from './volume-zone.ts';

const zoneKey = 'topology.kubernetes.io/zone';
const node = (name: string, zone: string): Node => ({
  metadata: { name, labels: { [zoneKey]: zone } },
  spec: {},
  status: { allocatable: { cpu: '8', memory: '8Gi', pods: '10' } },
});
const pod = (uid: string, ...volumes: Partial<Volume>[]): Pod =>
  ({
    metadata: { name: uid, namespace: 'ns', uid },
    spec: { containers: [{ name: 'c', image: 'i' }], volumes: volumes.map((v, i) => ({ name: `v${i}`, ...v })) },
    status: {},
  }) as unknown as Pod;
const using = (claimName: string) => ({ persistentVolumeClaim: { claimName } });
const claim = (name: string, spec: object = {}, annotations: Record<string, string> = {}): PersistentVolumeClaim =>
  ({
    metadata: { name, namespace: 'ns', uid: name, annotations },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } }, ...spec },
    status: {},
  }) as unknown as PersistentVolumeClaim;
const bound = (name: string, volumeName: string, spec: object = {}) =>
  claim(name, { volumeName, ...spec }, { 'pv.kubernetes.io/bind-completed': 'yes' });
const volume = (name: string, spec: object = {}, labels: Record<string, string> = {}): PersistentVolume =>
  ({
    metadata: { name, labels },
    spec: { capacity: { storage: '10Gi' }, accessModes: ['ReadWriteOnce'], ...spec },
    status: { phase: 'Available' },
  }) as unknown as PersistentVolume;
const inZone = (zone: string) => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: zoneKey, operator: 'In', values: [zone] }] }] },
  },
});
const storageClass = (name: string, provisioner: string, more: object = {}): StorageClass =>
  ({ metadata: { name }, provisioner, volumeBindingMode: 'WaitForFirstConsumer', ...more }) as StorageClass;

function world(): Snapshot {
  const snapshot = new Snapshot();
  for (const zone of ['a', 'b']) snapshot.updateNode(node(zone, zone));
  return snapshot;
}

/** What each node says; or what is wrong with the pod itself. */
function ask(filter: NodeFilter, snapshot: Snapshot, asked: Pod): Record<string, string> | string {
  const test = filter.prepare({ snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) });
  if (test?.rejects) return test.rejects;
  const slots = Array.from(snapshot.slots.subarray(0, snapshot.size));
  return Object.fromEntries(
    slots.map((slot) => [
      snapshot.node(slot)?.name as string,
      !test || test.passes(slot) ? 'fits' : test.reasons(slot).join(', '),
    ]),
  );
}

describe('volumeBinding', () => {
  it('rejects the pod while its claims are not there or somebody else has to bind them', () => {
    const snapshot = world();
    expect(ask(volumeBinding, snapshot, pod('p', using('data')))).toBe('persistentvolumeclaim "data" not found');
    snapshot.volumes.claims.set(claim('data'));
    expect(ask(volumeBinding, snapshot, pod('p', using('data')))).toBe(
      'pod has unbound immediate PersistentVolumeClaims',
    );
    expect(ask(volumeBinding, snapshot, pod('p', { ephemeral: {} }))).toBe(
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-v0"',
    );
    snapshot.volumes.claims.set(claim('p-v0'));
    expect(ask(volumeBinding, snapshot, pod('p', { ephemeral: {} }))).toBe(
      'PVC ns/p-v0 was not created for pod ns/p (pod is not owner)',
    );
    expect(ask(volumeBinding, snapshot, pod('p'))).toEqual({ a: 'fits', b: 'fits' });
  });

  it('follows a bound volume to where it can be reached', () => {
    const snapshot = world();
    snapshot.volumes.claims.set(bound('data', 'disk'));
    const gone = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
    expect(ask(volumeBinding, snapshot, pod('p', using('data')))).toEqual({ a: gone, b: gone });
    snapshot.volumes.volumes.set(volume('disk', inZone('b')));
    expect(ask(volumeBinding, snapshot, pod('p', using('data')))).toEqual({
      a: "node(s) didn't match PersistentVolume's node affinity",
      b: 'fits',
    });
  });

  it('finds free volumes for all claims at once, or asks whether one can be made there', () => {
    const snapshot = world();
    const nothing = "node(s) didn't find available persistent volumes to bind";
    snapshot.volumes.classes.set(storageClass('local', 'kubernetes.io/no-provisioner'));
    for (const name of ['one', 'two']) snapshot.volumes.claims.set(claim(name, { storageClassName: 'local' }));
    snapshot.volumes.volumes.set(volume('disk', { ...inZone('a'), storageClassName: 'local' }));
    expect(ask(volumeBinding, snapshot, pod('p', using('one')))).toEqual({ a: 'fits', b: nothing });
    expect(ask(volumeBinding, snapshot, pod('p', using('one'), using('two')))).toEqual({ a: nothing, b: nothing });
    const topology = [{ matchLabelExpressions: [{ key: zoneKey, values: ['b'] }] }];
    snapshot.volumes.classes.set(storageClass('fast', 'csi.example', { allowedTopologies: topology }));
    snapshot.volumes.claims.set(claim('new', { storageClassName: 'fast' }));
    expect(ask(volumeBinding, snapshot, pod('p', using('new')))).toEqual({ a: nothing, b: 'fits' });
    snapshot.volumes.drivers.set({ metadata: { name: 'csi.example' }, spec: { storageCapacity: true } });
    const space = 'node(s) did not have enough free storage';
    expect(ask(volumeBinding, snapshot, pod('p', using('new')))).toEqual({ a: nothing, b: space });
    const selector = { matchLabels: { [zoneKey]: 'b' } };
    const capacity = { metadata: { name: 'c', namespace: 'ns' }, storageClassName: 'fast', nodeTopology: selector };
    snapshot.volumes.capacities.set({ ...capacity, capacity: '4Gi' });
    expect(ask(volumeBinding, snapshot, pod('p', using('new')))).toEqual({ a: nothing, b: space });
    snapshot.volumes.capacities.set({ ...capacity, capacity: '5Gi' });
    expect(ask(volumeBinding, snapshot, pod('p', using('new')))).toEqual({ a: nothing, b: 'fits' });
  });

  it('stays with the node that a claim was promised before', () => {
    const snapshot = world();
    snapshot.volumes.classes.set(storageClass('fast', 'csi.example'));
    snapshot.volumes.claims.set(
      claim('data', { storageClassName: 'fast' }, { 'volume.kubernetes.io/selected-node': 'b' }),
    );
    expect(ask(volumeBinding, snapshot, pod('p', using('data')))).toMatchObject({ b: 'fits' });
    expect(ask(volumeBinding, snapshot, pod('p', using('data')))).not.toMatchObject({ a: 'fits' });
  });
});

describe('the other volume filters', () => {
  it('volumeZone: labels of the volume must be those of the node, the older names too', () => {
    const snapshot = world();
    snapshot.volumes.claims.set(bound('data', 'disk'));
    snapshot.volumes.volumes.set(volume('disk', {}, { 'failure-domain.beta.kubernetes.io/zone': 'b__c' }));
    expect(ask(volumeZone, snapshot, pod('p', using('data')))).toEqual({
      a: 'node(s) had no available volume zone',
      b: 'fits',
    });
  });

  it('volumeRestrictions: a disk is shared only for reading, a ReadWriteOncePod claim not at all', () => {
    const snapshot = world();
    const disk = (readOnly: boolean) => ({ gcePersistentDisk: { pdName: 'd', readOnly } });
    snapshot.addPod(pod('reader', disk(true)), 'a');
    expect(ask(volumeRestrictions, snapshot, pod('p', disk(true)))).toEqual({ a: 'fits', b: 'fits' });
    expect(ask(volumeRestrictions, snapshot, pod('p', disk(false)))).toEqual({
      a: 'node(s) had no available disk',
      b: 'fits',
    });
    snapshot.volumes.claims.set(bound('one', 'x', { accessModes: ['ReadWriteOncePod'] }));
    expect(ask(volumeRestrictions, snapshot, pod('p', using('one')))).toEqual({ a: 'fits', b: 'fits' });
    snapshot.addPod(pod('owner', using('one')), 'a');
    const taken = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';
    expect(ask(volumeRestrictions, snapshot, pod('p', using('one')))).toEqual({ a: taken, b: taken });
    snapshot.removePod('owner');
    expect(ask(volumeRestrictions, snapshot, pod('p', using('one')))).toEqual({ a: 'fits', b: 'fits' });
  });

  it('volumeLimits: counts what a driver attaches to a node, each volume once', () => {
    const snapshot = world();
    const drivers = [{ name: 'csi.example', nodeID: 'a', allocatable: { count: 1 } }];
    snapshot.volumes.nodes.set({ metadata: { name: 'a' }, spec: { drivers } });
    for (const name of ['one', 'two']) {
      snapshot.volumes.claims.set(bound(name, name));
      snapshot.volumes.volumes.set(volume(name, { csi: { driver: 'csi.example', volumeHandle: name } }));
    }
    snapshot.addPod(pod('there', using('one')), 'a');
    expect(ask(volumeLimits, snapshot, pod('p', using('one')))).toEqual({ a: 'fits', b: 'fits' });
    expect(ask(volumeLimits, snapshot, pod('p', using('two')))).toEqual({
      a: 'node(s) exceed max volume count',
      b: 'fits',
    });
  });
});
