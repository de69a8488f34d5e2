import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { ttlFor } from '../node/ttl.ts';
import { bestVolume, mismatch } from '../../placement/volumes/volume-matching.ts';
import { phaseOf } from './phase.ts';

const volume = (name: string, storage: string, spec: object = {}, phase = 'Available'): PersistentVolume =>
  ({
    metadata: { name, labels: { name } },
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], ...spec },
    status: { phase },
  }) as unknown as PersistentVolume;
const claim = (spec: object = {}): PersistentVolumeClaim =>
  ({
    metadata: { name: 'c', namespace: 'n', uid: 'u' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } }, ...spec },
  }) as unknown as PersistentVolumeClaim;

describe('the volume for a claim', () => {
  const reserved = { claimRef: { namespace: 'n', name: 'c' } };
  it.each<[string, PersistentVolume[], object, string | undefined]>([
    ['the smallest that is large enough', [volume('a', '10Gi'), volume('b', '5Gi'), volume('c', '4Gi')], {}, 'b'],
    ['the one reserved for it, however large', [volume('a', '5Gi'), volume('b', '50Gi', reserved)], {}, 'b'],
    ['not one that another has', [volume('a', '5Gi', { claimRef: { namespace: 'n', name: 'x' } })], {}, undefined],
    ['not one that was released', [volume('a', '5Gi', {}, 'Released')], {}, undefined],
    [
      'of its class',
      [volume('a', '5Gi'), volume('b', '9Gi', { storageClassName: 's' })],
      { storageClassName: 's' },
      'b',
    ],
    ['of its mode', [volume('a', '5Gi'), volume('b', '9Gi', { volumeMode: 'Block' })], { volumeMode: 'Block' }, 'b'],
    ['with its ways of access', [volume('a', '5Gi')], { accessModes: ['ReadWriteMany'] }, undefined],
    ['that it selects', [volume('a', '5Gi'), volume('b', '9Gi')], { selector: { matchLabels: { name: 'b' } } }, 'b'],
  ])('%s', (_what, volumes, spec, expected) => {
    expect(bestVolume(claim(spec), volumes)?.metadata.name).toBe(expected);
  });

  it('tells why one that is named will not do', () => {
    expect(mismatch(volume('a', '1Gi'), claim())).toBe('requested PV is too small');
    expect(mismatch(volume('a', '5Gi', { storageClassName: 's' }), claim())).toBe('storageClassName does not match');
    expect(mismatch(volume('a', '5Gi'), claim())).toBeUndefined();
  });
});

it('a volume is released when its claim is gone or another has its name', () => {
  const bound = volume('a', '1Gi', { claimRef: { namespace: 'n', name: 'c', uid: 'u' } }, 'Bound');
  expect(phaseOf(volume('a', '1Gi'), undefined)).toBe('Available');
  expect(phaseOf(volume('a', '1Gi', { claimRef: { name: 'c' } }), undefined)).toBe('Available');
  expect(phaseOf(bound, claim({ volumeName: 'a' }))).toBe('Bound');
  expect(phaseOf(bound, claim())).toBeUndefined();
  expect(phaseOf(bound, undefined)).toBe('Released');
  expect(phaseOf({ ...bound, status: { phase: 'Failed' } }, undefined)).toBe('Failed');
});

it('kubelets may keep secrets longer in larger clusters, and steps overlap', () => {
  expect([1, 100, 101, 600, 1500, 5000].map((n) => ttlFor(n, undefined))).toEqual([0, 0, 15, 30, 60, 300]);
  expect([ttlFor(95, 15), ttlFor(89, 15), ttlFor(95, 0)]).toEqual([15, 0, 0]);
});
