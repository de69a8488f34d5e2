import { persistentvolumeclaims, persistentvolumes } from '../../api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { keyOf } from '../../api/resource.ts';
import { volumeBinding } from '../../placement/filters/volume-binding.ts';
import { claimsOf, isBound } from '../../placement/volumes/pod-claims.ts';
import { annotationNames } from '../../placement/volumes/volume-matching.ts';
import { type VolumePlan, volumePlanner } from '../../placement/volumes/volume-plan.ts';
import { always, forAll } from '../hints.ts';
import type { BindingHandle, Placed, SchedulerPlugin } from '../plugin.ts';

const name = 'VolumeBinding';

/** A plan that counts as done in memory: what the scheduler knew before, to be put back if it comes to nothing. */
interface Assumption {
  readonly plan: VolumePlan;
  readonly undo: (() => void)[];
}

/** Chooses volumes together with the node, and has them bound before the pod is (KEP-490). */
export const volumeBindingPlugin: SchedulerPlugin = make(600);

function make(timeoutSeconds: number): SchedulerPlugin {
  return {
    name: 'VolumeBinding',
    filter: volumeBinding,
    reserve,
    unreserve({ state }) {
      for (const undo of (state.get(name) as Assumption | undefined)?.undo ?? []) undo();
    },
    preFlight: ({ state }) => state.has(name),
    preBind: (placed, handle) => bindVolumes(placed, handle, timeoutSeconds * 1000),
    hints: forAll(always, 'volume.changed', 'csinode.changed', 'node.added', 'node.labels'),
    configure: ({ bindTimeoutSeconds }) => make(Number(bindTimeoutSeconds ?? timeoutSeconds)),
  };
}

function reserve({ pod, slot, node, snapshot, state }: Placed): string | undefined {
  if (!pod.spec.volumes?.length) return undefined;
  const claims = claimsOf(snapshot.volumes, pod);
  if (typeof claims === 'string') return claims;
  if (claims.delayed.length === 0) return undefined;
  const plan = volumePlanner(snapshot, claims)(slot);
  if (Array.isArray(plan)) return plan.join(', ');
  const { volumes, claims: known } = snapshot.volumes;
  const undo = [
    ...plan.bindings.map(({ claim, volume }) => assume(volumes, volume, reservedFor(volume, claim))),
    ...plan.provisions.map((claim) => assume(known, claim, placedOn(claim, node))),
  ];
  state.set(name, { plan, undo } satisfies Assumption);
  return undefined;
}

function assume<T extends { metadata: { name: string; namespace?: string } }>(
  catalog: { get(name: string, namespace?: string): T | undefined; set(object: T): void },
  old: T,
  assumed: T,
): () => void {
  catalog.set(assumed);
  return () => {
    // A newer state than ours has come meanwhile: it stands.
    if (catalog.get(old.metadata.name, old.metadata.namespace) === assumed) catalog.set(old);
  };
}

const claimReference = ({ metadata }: PersistentVolumeClaim) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  namespace: metadata.namespace,
  name: metadata.name,
  uid: metadata.uid,
});

const boundByController = { [annotationNames.boundByController]: 'yes' };

const reservedFor = (volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume => ({
  ...volume,
  metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...boundByController } },
  spec: { ...volume.spec, claimRef: claimReference(claim) },
});

const placedOn = (claim: PersistentVolumeClaim, node: string): PersistentVolumeClaim => ({
  ...claim,
  metadata: {
    ...claim.metadata,
    annotations: { ...claim.metadata.annotations, [annotationNames.selectedNode]: node },
  },
});

/** Writes the plan and waits until the claims are bound; whoever binds them may also take the node back. */
async function bindVolumes({ state, node, snapshot }: Placed, handle: BindingHandle, timeoutMs: number): Promise<void> {
  const { plan } = (state.get(name) as Assumption | undefined) ?? {};
  if (!plan) return;
  const { client } = handle;
  for (const { claim, volume } of plan.bindings) {
    const { metadata, spec } = reservedFor(volume, claim);
    await client.update(persistentvolumes, { ...volume, metadata, spec });
  }
  for (const claim of plan.provisions) {
    const body = { metadata: { annotations: { [annotationNames.selectedNode]: node } } };
    await client.patch(persistentvolumeclaims, keyOf(claim), { type: 'merge', body });
  }
  const wanted = [...plan.bindings.map(({ claim }) => claim), ...plan.provisions];
  const current = ({ metadata }: PersistentVolumeClaim) =>
    snapshot.volumes.claims.get(metadata.name, metadata.namespace);
  const failed = () =>
    wanted.find((claim) => {
      const now = current(claim);
      const isProvisioned = plan.provisions.includes(claim);
      return (
        !now || (isProvisioned && !isBound(now) && now.metadata.annotations?.[annotationNames.selectedNode] !== node)
      );
    });
  await handle.waitUntil(() => failed() !== undefined || wanted.every((c) => isBound(current(c) ?? c)), timeoutMs);
  const lost = failed();
  if (lost) throw new Error(`binding volumes: provisioning failed for PVC "${lost.metadata.name}"`);
}
