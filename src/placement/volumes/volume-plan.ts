import type {
  CSIStorageCapacity,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from '../../api/generated/types.ts';
import { driverOfProvisioner } from '../../api/storage/in-tree.ts';
import { matchesLabelSelector } from '../../api/meta/label-selector.ts';
import { compareQuantity, parseQuantity } from '../../api/meta/quantity.ts';
import { type CompiledSelector, compileTerm, isEmptyTerm, selectorTest } from '../node-selector.ts';
import type { Snapshot } from '../snapshot.ts';
import type { PodClaims } from './pod-claims.ts';
import { annotationNames, bestVolume, classOf, isReservedFor, requestOf, storageOf } from './volume-matching.ts';

/** What has to be done to a pod's claims before it can start on a node. */
export interface VolumePlan {
  /** Volumes that are there, each to be reserved for its claim. */
  readonly bindings: readonly { claim: PersistentVolumeClaim; volume: PersistentVolume }[];
  /** Claims whose volume is to be made, for the chosen node. */
  readonly provisions: readonly PersistentVolumeClaim[];
}

const reasons = {
  affinity: "node(s) didn't match PersistentVolume's node affinity",
  nothing: "node(s) didn't find available persistent volumes to bind",
  gone: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
  space: 'node(s) did not have enough free storage',
};

/** Answers, slot by slot, how a pod's claims can be served there: a plan, or the reasons why not. */
export function volumePlanner(snapshot: Snapshot, claims: PodClaims): (slot: number) => VolumePlan | string[] {
  const boundVolumes = claims.bound.map((claim) => snapshot.volumes.volumes.get(claim.spec.volumeName ?? ''));
  const reach = new Map<PersistentVolume, (slot: number) => boolean>();
  const reaches = (volume: PersistentVolume, slot: number): boolean => {
    const test = reach.get(volume) ?? reachTest(snapshot, volume);
    reach.set(volume, test);
    return test(slot);
  };
  const offers = claims.delayed.map((claim) => offersFor(snapshot, claim));
  return (slot) => {
    const problems: string[] = [];
    if (boundVolumes.includes(undefined)) problems.push(reasons.gone);
    else if (!boundVolumes.every((volume) => reaches(volume as PersistentVolume, slot)))
      problems.push(reasons.affinity);
    const plan = planDelayed(snapshot, claims.delayed, { slot, offers, reaches });
    if (Array.isArray(plan)) problems.push(...plan);
    return problems.length > 0 || Array.isArray(plan) ? problems : plan;
  };
}

/** Volumes that would do for a claim wherever it is, in the order in which they are taken: its own, then the smallest. */
function offersFor({ volumes }: Snapshot, claim: PersistentVolumeClaim): PersistentVolume[] {
  const offers = [...volumes.volumes.all()].filter((volume) => bestVolume(claim, [volume]) !== undefined);
  const ranked = offers.map((volume) => ({
    volume,
    rank: isReservedFor(volume.spec.claimRef, claim) ? 0 : 1,
    size: storageOf(volume.spec.capacity),
  }));
  return ranked.sort((a, b) => a.rank - b.rank || compareQuantity(a.size, b.size)).map(({ volume }) => volume);
}

/** Where a volume can be reached; one that says nothing can be reached everywhere. */
function reachTest(snapshot: Snapshot, volume: PersistentVolume): (slot: number) => boolean {
  const terms = volume.spec.nodeAffinity?.required?.nodeSelectorTerms;
  if (!terms) return () => true;
  const selector: CompiledSelector = terms
    .filter((term) => !isEmptyTerm(term))
    .map((term) => compileTerm(term, snapshot.labels));
  return selectorTest(selector);
}

function planDelayed(
  snapshot: Snapshot,
  delayed: readonly PersistentVolumeClaim[],
  at: {
    slot: number;
    /** For each claim. */
    offers: readonly PersistentVolume[][];
    reaches: (volume: PersistentVolume, slot: number) => boolean;
  },
): VolumePlan | string[] {
  const bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
  const provisions: PersistentVolumeClaim[] = [];
  const node = snapshot.node(at.slot)?.node;
  for (const [i, claim] of delayed.entries()) {
    const selected = claim.metadata.annotations?.[annotationNames.selectedNode];
    if (selected !== undefined && selected !== node?.metadata.name) return [reasons.nothing];
    const isTaken = (offer: PersistentVolume) => bindings.some(({ volume: taken }) => taken === offer);
    const volume =
      selected === undefined ? at.offers[i]?.find((offer) => !isTaken(offer) && at.reaches(offer, at.slot)) : undefined;
    if (volume) {
      bindings.push({ claim, volume });
      continue;
    }
    const problem = provisionProblem(snapshot, claim, node?.metadata.labels ?? {});
    if (problem) return [problem];
    provisions.push(claim);
  }
  return { bindings, provisions };
}

/** Why no volume can be made for a claim on a node with these labels. */
function provisionProblem(
  { volumes: catalog }: Snapshot,
  claim: PersistentVolumeClaim,
  labels: Record<string, string>,
): string | undefined {
  const storageClass = catalog.classes.get(classOf(claim));
  if (!storageClass?.provisioner || storageClass.provisioner === 'kubernetes.io/no-provisioner') return reasons.nothing;
  if (!isAllowedTopology(storageClass, labels)) return reasons.nothing;
  if (!catalog.drivers.get(driverOfProvisioner(storageClass.provisioner))?.spec.storageCapacity) return undefined;
  const isEnough = (capacity: CSIStorageCapacity): boolean => {
    const { storageClassName, nodeTopology, capacity: free, maximumVolumeSize } = capacity;
    if (storageClassName !== storageClass.metadata.name || !matchesLabelSelector(nodeTopology, labels)) return false;
    const most = maximumVolumeSize ?? free;
    return most !== undefined && compareQuantity(parseQuantity(most), requestOf(claim)) >= 0;
  };
  for (const capacity of catalog.capacities.all()) if (isEnough(capacity)) return undefined;
  return reasons.space;
}

function isAllowedTopology({ allowedTopologies }: StorageClass, labels: Record<string, string>): boolean {
  if (!allowedTopologies?.length) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => labels[key] !== undefined && values.includes(labels[key])),
  );
}
