import type { Pod } from '../../api/generated/types.ts';
import { csiSourceOf, driverOfProvisioner } from '../../api/storage/in-tree.ts';
import type { Snapshot } from '../snapshot.ts';
import { claimNamesOf } from '../volumes/claim-names.ts';
import type { VolumeCatalog } from '../volumes/volume-catalog.ts';
import { classOf } from '../volumes/volume-matching.ts';
import { type NodeFilter, testFor } from './node-filter.ts';

/** A driver attaches only so many volumes to a node (CSINode); one volume counts once, however many pods use it. */
export const volumeLimits: NodeFilter = {
  prepare({ snapshot, pod }) {
    const wanted = attachedVolumes(snapshot.volumes, pod);
    if (wanted.size === 0) return undefined;
    const test = testFor('node(s) exceed max volume count', (slot) => hasRoom(snapshot, slot, wanted));
    return { ...test, resolvable: () => true };
  },
};

function hasRoom(snapshot: Snapshot, slot: number, wanted: ReadonlyMap<string, string>): boolean {
  const info = snapshot.node(slot);
  const limits = new Map<string, number>();
  for (const { name, allocatable } of snapshot.volumes.nodes.get(info?.name ?? '')?.spec.drivers ?? [])
    if (allocatable?.count !== undefined) limits.set(name, allocatable.count);
  if (limits.size === 0) return true;
  const present = new Map<string, string>();
  for (const placed of info?.pods.values() ?? [])
    for (const [volume, driver] of attachedVolumes(snapshot.volumes, placed.pod)) present.set(volume, driver);
  const added = [...wanted].filter(([volume]) => !present.has(volume));
  const count = (volumes: Iterable<[string, string]>, driver: string) =>
    [...volumes].filter(([, of]) => of === driver).length;
  return [...limits].every(([driver, limit]) => {
    const more = count(added, driver);
    return more === 0 || count(present, driver) + more <= limit;
  });
}

/** Volumes that a CSI driver attaches for the pod, each with its driver; a claim without a volume stands for its own. */
function attachedVolumes(catalog: VolumeCatalog, pod: Pod): Map<string, string> {
  const volumes = new Map<string, string>();
  if (!pod.spec.volumes?.length) return volumes;
  for (const name of claimNamesOf(pod)) {
    const claim = catalog.claims.get(name, pod.metadata.namespace);
    if (!claim) continue;
    const volume = catalog.volumes.get(claim.spec.volumeName ?? '');
    const csi = volume && csiSourceOf(volume);
    if (csi) volumes.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    const named = claim.spec.volumeName ? undefined : catalog.classes.get(classOf(claim))?.provisioner;
    const provisioner = named && driverOfProvisioner(named);
    if (provisioner) volumes.set(`${provisioner}/${pod.metadata.namespace}/${name}`, provisioner);
  }
  return volumes;
}
