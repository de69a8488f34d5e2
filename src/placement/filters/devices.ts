import type { Node, ResourceResourceClaim } from '../../api/generated/types.ts';
import { AllocationTimeout, allocate, isSelectorFault } from '../devices/allocate.ts';
import { asksForExtended, extendedClaimOf } from '../devices/extended-claims.ts';
import { matchesNodeSelector } from '../devices/node-match.ts';
import { deviceClaimsOf, isAllocated } from '../devices/pod-devices.ts';
import { type NodeFilter, rejection } from './node-filter.ts';

const elsewhere = 'resourceclaim not available on the node';
const impossible = 'cannot allocate all claims';

/** The devices that the pod claims are on the node, or can be had there. */
export const devicesAvailable: NodeFilter = {
  prepare({ snapshot, pod }) {
    const { devices } = snapshot;
    const isExtended = asksForExtended(devices, pod);
    if (!pod.spec.resourceClaims?.length && !isExtended) return undefined;
    const named = deviceClaimsOf(devices, pod);
    if (typeof named === 'string') return rejection(named);
    const claimsAt = (slot: number) => {
      const extended = isExtended ? extendedClaimOf(devices, pod, nodeOf(slot)) : undefined;
      return extended ? [...named, extended.claim] : named;
    };
    const nodeOf = (slot: number) => snapshot.node(slot)?.node as Node;
    const isReachable = (slot: number, claims: readonly ResourceResourceClaim[]) =>
      claims.every(({ status }) => {
        const selector = status?.allocation?.nodeSelector;
        return !selector || matchesNodeSelector(selector, nodeOf(slot));
      });
    const reasonAt = (slot: number): string | undefined => {
      const claims = claimsAt(slot);
      if (!isReachable(slot, claims)) return elsewhere;
      const open = claims.filter((claim) => !isAllocated(claim));
      try {
        return open.length === 0 || allocate(devices, open, nodeOf(slot)) ? undefined : impossible;
      } catch (error) {
        if (isSelectorFault(error) || error instanceof AllocationTimeout) return error.message;
        throw error;
      }
    };
    return { passes: (slot) => reasonAt(slot) === undefined, reasons: (slot) => [reasonAt(slot) ?? impossible] };
  },
};
