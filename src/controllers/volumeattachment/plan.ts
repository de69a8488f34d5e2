import type { CSIDriver, Node, PersistentVolume, Pod, VolumeAttachment } from '../../api/generated/types.ts';
import { attachmentName, volumeNameOnNode } from '../../api/storage/csi.ts';
import { csiSourceOf } from '../../api/storage/in-tree.ts';

/** A volume that pods need attached to a node before its kubelet can mount it. */
export interface Wanted {
  /** Of the VolumeAttachment: the same for every controller that ever made one. */
  name: string;
  attacher: string;
  volume: PersistentVolume;
  pods: Pod[];
}

export interface Sources {
  /** The volume behind the claim that a pod names, once it is bound. */
  volumesOf(pod: Pod): PersistentVolume[];
  driver(name: string): CSIDriver | undefined;
}

/** What has to be attached to the node that these pods are on. A driver that says nothing wants to be asked. */
export function wantedOn(nodeName: string, podsOfNode: readonly Pod[], sources: Sources): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const pod of podsOfNode) {
    if (hasEnded(pod)) continue;
    for (const volume of sources.volumesOf(pod)) {
      const csi = csiSourceOf(volume);
      if (!csi || sources.driver(csi.driver)?.spec.attachRequired === false) continue;
      const name = attachmentName(csi.volumeHandle, csi.driver, nodeName);
      const known = wanted.get(name);
      if (known) known.pods.push(pod);
      else wanted.set(name, { name, attacher: csi.driver, volume, pods: [pod] });
    }
  }
  return wanted;
}

/** Its containers run no more: nothing holds its volumes. */
function hasEnded({ metadata, status }: Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  const containers = status?.containerStatuses ?? [];
  return (
    metadata.deletionTimestamp !== undefined && containers.length > 0 && containers.every((c) => c.state?.terminated)
  );
}

export function volumeOnNode(volume: PersistentVolume): string {
  const csi = csiSourceOf(volume);
  return volumeNameOnNode(csi?.driver ?? '', csi?.volumeHandle ?? '');
}

/** May be on one node only. */
export const isExclusive = ({ spec }: PersistentVolume): boolean =>
  (spec.accessModes ?? []).every((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod');

/** What keeps an exclusive volume from a second node, in the API's words; undefined when nothing does. */
export function multiAttachProblem(
  { volume }: Wanted,
  elsewhere: readonly VolumeAttachment[],
  usersElsewhere: readonly Pod[],
  namespace: string,
): string | undefined {
  if (!isExclusive(volume) || elsewhere.length === 0) return undefined;
  return `Multi-Attach error for volume "${volume.metadata.name}" ${reasonOf(usersElsewhere, namespace)}`;
}

/** Pods of other namespaces are counted, not named. */
function reasonOf(users: readonly Pod[], namespace: string): string {
  if (users.length === 0) return "Volume is already exclusively attached to one node and can't be attached to another";
  const names = users.filter((pod) => pod.metadata.namespace === namespace).map((pod) => pod.metadata.name);
  const others = users.length - names.length;
  const parts = [
    ...(names.length > 0 ? [`pod(s) ${names.sort().join(', ')}`] : []),
    ...(others > 0 ? [`${others} pod(s) in different namespaces`] : []),
  ];
  return `Volume is already used by ${parts.join(' and ')}`;
}

/** Six minutes after the last pod let go of it, a volume is taken from a node that does not answer. */
export const unmountLimitMs = 6 * 60_000;

/** Whether a volume may be taken from the node now: its kubelet has let go of it, or can't be waited for. */
export function mayDetach(node: Node | undefined, volume: string, unwantedMs: number): boolean {
  if (!node || !node.status?.volumesInUse?.includes(volume)) return true;
  if (node.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/out-of-service')) return true;
  const isHealthy = node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  return !isHealthy && unwantedMs >= unmountLimitMs;
}
