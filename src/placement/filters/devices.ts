import type { Node } from '../../api/generated/types.ts';
import { allocate, isSelectorFault } from '../devices/allocate.ts';
import { matchesNodeSelector } from '../devices/node-match.ts';
import { deviceClaimsOf, isAllocated } from '../devices/pod-devices.ts';
import { type NodeFilter, rejection } from './node-filter.ts';

const elsewhere = 'resourceclaim not available on the node';
const impossible = 'cannot allocate all claims';

/** The devices that the pod claims are on the node, or can be had there. */
export const devicesAvailable: NodeFilter = {
  prepare({ snapshot, pod }) {
    if (!pod.spec.resourceClaims?.length) return undefined;
    const claims = deviceClaimsOf(snapshot.devices, pod);
    if (typeof claims === 'string') return rejection(claims);
    const open = claims.filter((claim) => !isAllocated(claim));
    const nodeOf = (slot: number) => snapshot.node(slot)?.node as Node;
    const isReachable = (slot: number) =>
      claims.every(({ status }) => {
        const selector = status?.allocation?.nodeSelector;
        return !selector || matchesNodeSelector(selector, nodeOf(slot));
      });
    const reasonAt = (slot: number): string | undefined => {
      if (!isReachable(slot)) return elsewhere;
      try {
        return open.length === 0 || allocate(snapshot.devices, open, nodeOf(slot)) ? undefined : impossible;
      } catch (error) {
        if (isSelectorFault(error)) return error.message;
        throw error;
      }
    };
    return { passes: (slot) => reasonAt(slot) === undefined, reasons: (slot) => [reasonAt(slot) ?? impossible] };
  },
};
