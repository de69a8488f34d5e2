import { resourceclaims } from '../../api/generated/resources.ts';
import type { AllocationResult, Pod, ResourceResourceClaim } from '../../api/generated/types.ts';
import { keyOf } from '../../api/resource.ts';
import { allocate } from '../../placement/devices/allocate.ts';
import { deviceClaimsOf, isAllocated } from '../../placement/devices/pod-devices.ts';
import { devicesAvailable } from '../../placement/filters/devices.ts';
import { always, forAll } from '../hints.ts';
import type { BindingHandle, Placed, SchedulerPlugin } from '../plugin.ts';

const finalizer = 'resource.kubernetes.io/delete-protection';

interface Assumption {
  readonly claims: readonly ResourceResourceClaim[];
  readonly undo: readonly (() => void)[];
}

/** Gives pods the devices that they claim, together with the node (structured parameters, KEP-4381). */
export const dynamicResources: SchedulerPlugin = {
  name: 'DynamicResources',
  filter: devicesAvailable,
  postFilter: () => ({ message: 'no new claims to deallocate' }),
  reserve,
  unreserve({ state }) {
    for (const undo of (state.get('DynamicResources') as Assumption | undefined)?.undo ?? []) undo();
  },
  preBind: writeClaims,
  hints: forAll(always, 'device.changed', 'node.added', 'node.labels', 'pod.deleted'),
};

function reserve({ pod, slot, snapshot, state }: Placed): string | undefined {
  if (!pod.spec.resourceClaims?.length) return undefined;
  const { devices } = snapshot;
  const claims = deviceClaimsOf(devices, pod);
  const node = snapshot.node(slot)?.node;
  if (typeof claims === 'string' || !node) return String(claims);
  const open = claims.filter((claim) => !isAllocated(claim));
  const results = allocate(devices, open, node);
  if (!results) return 'cannot allocate all claims';
  const assumed = claims.map((claim) => reservedFor(claim, pod, results[open.indexOf(claim)]));
  const undo = assumed.map((claim, i) => {
    devices.claims.set(claim);
    const { name, namespace } = claim.metadata;
    return () => {
      // A newer state than ours has come meanwhile: it stands.
      if (devices.claims.get(name, namespace) === claim) devices.claims.set(claims[i] as ResourceResourceClaim);
    };
  });
  state.set('DynamicResources', { claims: assumed, undo } satisfies Assumption);
  return undefined;
}

function reservedFor(
  claim: ResourceResourceClaim,
  pod: Pod,
  allocation: AllocationResult | undefined,
): ResourceResourceClaim {
  const { name, uid = '' } = pod.metadata;
  const others = (claim.status?.reservedFor ?? []).filter((user) => user.uid !== uid);
  const status = { ...claim.status, reservedFor: [...others, { resource: 'pods', name, uid }] };
  return { ...claim, status: allocation ? { ...status, allocation } : status };
}

/** Protects each claim from deletion and writes what it was given; somebody else's write in between makes it fail. */
async function writeClaims({ state, snapshot }: Placed, { client }: BindingHandle): Promise<void> {
  const { claims = [] } = (state.get('DynamicResources') as Assumption | undefined) ?? {};
  for (const claim of claims) {
    const { finalizers = [] } = claim.metadata;
    const metadata = { ...claim.metadata, finalizers: [...finalizers, finalizer] };
    const current = finalizers.includes(finalizer)
      ? claim
      : await client.update(resourceclaims, { ...claim, metadata });
    await client.update(resourceclaims, { ...current, status: claim.status }, { subresource: 'status' });
    const { name, namespace } = keyOf(claim);
    if (!snapshot.devices.claims.get(name, namespace)) throw new Error(`resourceclaim "${name}" is gone`);
  }
}
