import type { PersistentVolume } from '../../api/generated/types.ts';
import { claimsOf } from '../volumes/pod-claims.ts';
import { type NodeFilter, rejection, testFor } from './node-filter.ts';

/** The older labels still stand for the newer ones, on volumes and on nodes. */
const topologyLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone': 'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'failure-domain.beta.kubernetes.io/region',
};

/** A volume that says its zone or region by labels can only be used there. */
export const volumeZone: NodeFilter = {
  prepare({ snapshot, pod }) {
    if (!pod.spec.volumes?.length) return undefined;
    const claims = claimsOf(snapshot.volumes, pod);
    if (typeof claims === 'string') return rejection(claims);
    const limits = claims.bound.flatMap((claim) => {
      const volume = snapshot.volumes.volumes.get(claim.spec.volumeName ?? '');
      return volume ? limitsOf(volume) : [];
    });
    if (limits.length === 0) return undefined;
    return testFor('node(s) had no available volume zone', (slot) => {
      const labels = snapshot.node(slot)?.node.metadata.labels ?? {};
      // A node without any such label is in a cluster without zones.
      if (!Object.keys(topologyLabels).some((key) => labels[key] !== undefined)) return true;
      return limits.every(({ key, values }) => {
        const value = labels[key] ?? labels[topologyLabels[key] as string];
        return value !== undefined && values.has(value);
      });
    });
  },
};

/** Several zones stand in one label with `__` between. */
const limitsOf = ({ metadata }: PersistentVolume): { key: string; values: Set<string> }[] =>
  Object.entries(metadata.labels ?? {})
    .filter(([key]) => topologyLabels[key] !== undefined)
    .map(([key, value]) => ({ key, values: new Set(value.split('__')) }));
