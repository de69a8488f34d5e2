import { pods, resourceclaims } from '../../api/generated/resources.ts';
import type { AllocationResult, Pod, ResourceResourceClaim } from '../../api/generated/types.ts';
import { keyOf, type Manifest } from '../../api/resource.ts';
import type { Client } from '../../client/client.ts';
import { allocate } from '../../placement/devices/allocate.ts';
import { asksForExtended, type ExtendedClaim, extendedClaimOf } from '../../placement/devices/extended-claims.ts';
import { deviceClaimsOf, isAllocated } from '../../placement/devices/pod-devices.ts';
import { devicesAvailable } from '../../placement/filters/devices.ts';
import type { Snapshot } from '../../placement/snapshot.ts';
import { always, forAll } from '../hints.ts';
import type { BindingHandle, Placed, SchedulerPlugin } from '../plugin.ts';
import { timeText } from '../pod-condition.ts';
import { SchedulerStopped } from '../waiters.ts';

const finalizer = 'resource.kubernetes.io/delete-protection';

interface Assumption {
  readonly claims: readonly ResourceResourceClaim[];
  /** The last of them stands for extended resources. */
  readonly extended: ExtendedClaim | undefined;
  readonly undo: readonly (() => void)[];
}

/** How long drivers may take to make devices ready for a node (BindingTimeout of DynamicResourcesArgs). */
const bindingTimeoutMs = 600_000;

/** Gives pods the devices that they claim, together with the node (structured parameters, KEP-4381). */
export const dynamicResources: SchedulerPlugin = {
  name: 'DynamicResources',
  filter: devicesAvailable,
  postFilter: () => ({ message: 'no new claims to deallocate' }),
  reserve,
  unreserve({ state }) {
    for (const undo of (state.get('DynamicResources') as Assumption | undefined)?.undo ?? []) undo();
  },
  preFlight: ({ state }) => state.has('DynamicResources'),
  preBind: writeClaims,
  hints: forAll(always, 'device.changed', 'node.added', 'node.labels', 'pod.deleted'),
};

function reserve({ pod, slot, snapshot, state }: Placed): string | undefined {
  const { devices } = snapshot;
  const isExtended = asksForExtended(devices, pod);
  if (!pod.spec.resourceClaims?.length && !isExtended) return undefined;
  const named = deviceClaimsOf(devices, pod);
  const node = snapshot.node(slot)?.node;
  if (typeof named === 'string' || !node) return String(named);
  const extended = isExtended ? extendedClaimOf(devices, pod, node) : undefined;
  const claims = extended ? [...named, extended.claim] : named;
  const open = claims.filter((claim) => !isAllocated(claim));
  const results = allocate(devices, open, node);
  if (!results) return 'cannot allocate all claims';
  const assumed = claims.map((claim) => reservedFor(claim, pod, results[open.indexOf(claim)]));
  const undo = assumed.map((claim, i) => {
    devices.claims.set(claim);
    const { name, namespace } = claim.metadata;
    return () => {
      // A newer state than ours has come meanwhile: it stands.
      if (devices.claims.get(name, namespace) !== claim) return;
      if (extended && !extended.isMade && extended.claim === claims[i]) devices.claims.remove(claim);
      else devices.claims.set(claims[i] as ResourceResourceClaim);
    };
  });
  state.set('DynamicResources', { claims: assumed, extended, undo } satisfies Assumption);
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

/**
 * Protects each claim from deletion and writes what it was given; somebody else's write in between makes it fail. Then waits for devices
 * that have to be made ready first (KEP-5007); those that cannot be are given back.
 */
async function writeClaims({ pod, state, snapshot }: Placed, handle: BindingHandle): Promise<void> {
  const { client, clock } = handle;
  const { claims = [], extended } = (state.get('DynamicResources') as Assumption | undefined) ?? {};
  for (const claim of claims) {
    const isMade = extended?.isMade !== false || claim !== claims.at(-1);
    const current = await protectedClaim(client, claim, isMade);
    const status = awaitedOf(claim).length > 0 ? timed(claim.status, clock.now()) : claim.status;
    await client.update(resourceclaims, { ...current, status }, { subresource: 'status' });
    const { name, namespace } = keyOf(claim);
    if (!snapshot.devices.claims.get(name, namespace)) throw new Error(`resourceclaim "${name}" is gone`);
  }
  if (extended) await tellOfExtended(pod, claims.at(-1) as ResourceResourceClaim, { client, extended });
  for (const claim of claims) await awaitDevices({ pod, claim, snapshot }, handle);
}

/** The claim in the API, with what keeps it there. */
async function protectedClaim(
  client: Client,
  claim: ResourceResourceClaim,
  isMade: boolean,
): Promise<ResourceResourceClaim> {
  const { finalizers = [] } = claim.metadata;
  if (finalizers.includes(finalizer)) return claim;
  const metadata = { ...claim.metadata, finalizers: [...finalizers, finalizer] };
  if (isMade) return client.update(resourceclaims, { ...claim, metadata });
  return client.create(resourceclaims, { metadata, spec: claim.spec } as Manifest<ResourceResourceClaim>);
}

/** The node reads in the pod's status which of its containers the devices are for. */
async function tellOfExtended(
  pod: Pod,
  { metadata }: ResourceResourceClaim,
  { client, extended }: { client: Client; extended: ExtendedClaim },
): Promise<void> {
  const told = { resourceClaimName: metadata.name, requestMappings: [...extended.mappings] };
  if (pod.status.extendedResourceClaimStatus?.resourceClaimName === told.resourceClaimName) return;
  const body = { metadata: { uid: pod.metadata.uid }, status: { extendedResourceClaimStatus: told } };
  await client.patch(pods, keyOf(pod), { type: 'merge', body }, { subresource: 'status' });
}

type Result = NonNullable<NonNullable<AllocationResult['devices']>['results']>[number];

/** Devices that somebody has to make ready before a pod may come. */
const awaitedOf = ({ status }: ResourceResourceClaim): Result[] =>
  (status?.allocation?.devices?.results ?? []).filter(({ bindingConditions }) => bindingConditions?.length);

function timed(status: ResourceResourceClaim['status'], nowMs: number): ResourceResourceClaim['status'] {
  if (!status?.allocation || status.allocation.allocationTimestamp) return status;
  return { ...status, allocation: { ...status.allocation, allocationTimestamp: timeText(nowMs) } };
}

async function awaitDevices(
  { pod, claim, snapshot }: { pod: Pod; claim: ResourceResourceClaim; snapshot: Snapshot },
  { client, waitUntil }: BindingHandle,
): Promise<void> {
  if (awaitedOf(claim).length === 0) return;
  const { name, namespace } = keyOf(claim);
  const now = () => snapshot.devices.claims.get(name, namespace);
  const isSettled = () => readinessOf(now()) !== 'waiting';
  await waitUntil(isSettled, bindingTimeoutMs).catch((error: unknown) => {
    // After so long they will not be.
    if (error instanceof SchedulerStopped) throw error;
  });
  if (readinessOf(now()) === 'ready') return;
  const current = now();
  if (current) {
    const reservedFor = current.status?.reservedFor?.filter(({ uid }) => uid !== pod.metadata.uid);
    await client.update(resourceclaims, { ...current, status: { reservedFor } }, { subresource: 'status' });
  }
  throw new Error(`devices of resourceclaim "${name}" did not become ready`);
}

/** As the drivers say in the claim's status. */
function readinessOf(claim: ResourceResourceClaim | undefined): 'ready' | 'waiting' | 'failed' {
  if (!claim) return 'failed';
  const answers = awaitedOf(claim).map(
    ({ driver, pool, device, bindingConditions = [], bindingFailureConditions = [] }) => {
      const said = claim.status?.devices?.find((d) => d.driver === driver && d.pool === pool && d.device === device);
      const isTrue = (type: string) => Boolean(said?.conditions?.some((c) => c.type === type && c.status === 'True'));
      if (bindingFailureConditions.some(isTrue)) return 'failed';
      return bindingConditions.every(isTrue) ? 'ready' : 'waiting';
    },
  );
  if (answers.includes('failed')) return 'failed';
  return answers.includes('waiting') ? 'waiting' : 'ready';
}
