import {
  csidrivers,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  volumeattachments,
} from '../../api/generated/resources.ts';
import type {
  CSIDriver,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  VolumeAttachment,
} from '../../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder, EventType } from '../../client/event-recorder.ts';
import type { Informer } from '../../client/informer.ts';
import { claimNamesOf } from '../../placement/volumes/claim-names.ts';
import {
  type ControllerContext,
  defineController,
  done,
  requeueAfter,
  type Result,
  type Watch,
  watch,
} from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { mayDetach, multiAttachProblem, unmountLimitMs, volumeOnNode, type Wanted, wantedOn } from './plan.ts';

interface Caches {
  clock: Clock;
  recorder: EventRecorder;
  nodes: Informer<Node>;
  pods: Informer<Pod>;
  claims: Informer<PersistentVolumeClaim>;
  volumes: Informer<PersistentVolume>;
  drivers: Informer<CSIDriver>;
  attachments: Informer<VolumeAttachment>;
  /** When a node's attachment was first seen without a pod that wants it. Begins anew with a restart, as upstream's. */
  unwantedSince: Map<string, number>;
}

/**
 * Has volumes attached to the nodes whose pods need them, and detached when no pod does: the attacher of the CSI driver acts
 * on the VolumeAttachments made here. Keys are nodes.
 */
export const volumeAttachment = defineController({
  name: 'volumeattachment.attachment',
  serviceAccount: 'attachdetach-controller',
  setup(context) {
    const caches = cachesOf(context);
    return {
      watches: watchesOf(caches),
      reconcile: (key, client) => reconcileNode({ ...caches, client }, key),
    };
  },
});

function cachesOf({ clock, recorder, informer }: ControllerContext): Caches {
  const caches: Caches = {
    clock,
    recorder,
    nodes: informer(nodes),
    pods: informer(pods),
    claims: informer(persistentvolumeclaims),
    volumes: informer(persistentvolumes),
    drivers: informer(csidrivers),
    attachments: informer(volumeattachments),
    unwantedSince: new Map(),
  };
  caches.pods.addIndex('node', nodeOf);
  caches.pods.addIndex('claim', claimKeysOf);
  caches.attachments.addIndex('node', ({ spec }) => [spec.nodeName]);
  caches.attachments.addIndex('volume', ({ spec }) => [spec.source.persistentVolumeName ?? '']);
  return caches;
}

function watchesOf(c: Caches): Watch[] {
  const nodesOfVolume = (volume: PersistentVolume | undefined): string[] =>
    volume ? usersOf(c, volume).flatMap(nodeOf) : [];
  return [
    watch(c.nodes, (node) => [node.metadata.name], hasLetGo),
    watch(c.pods, (pod) => (claimKeysOf(pod).length > 0 ? nodeOf(pod) : [])),
    watch(
      c.claims,
      (claim) => c.pods.index('claim', keyText(keyOf(claim))).flatMap(nodeOf),
      (old, claim) => old.spec.volumeName !== claim.spec.volumeName,
    ),
    watch(c.volumes, nodesOfVolume, (old, volume) => old.spec.claimRef?.uid !== volume.spec.claimRef?.uid),
    // An exclusive volume that one node lost may come to another.
    watch(c.attachments, (attachment) => [attachment.spec.nodeName, ...nodesOfVolume(volumeOf(c, attachment))]),
  ];
}

interface Work extends Caches {
  client: Client;
}

async function reconcileNode(w: Work, key: string): Promise<Result> {
  const node = w.nodes.get(key);
  const sources = { volumesOf: (pod: Pod) => volumesOf(w, pod), driver: (name: string) => w.drivers.get(name) };
  const wanted = wantedOn(key, node ? w.pods.index('node', key) : [], sources);
  const present = w.attachments.index('node', key);
  for (const volume of wanted.values()) {
    w.unwantedSince.delete(volume.name);
    const known = w.attachments.get(volume.name);
    if (known) sayError(w, volume, known);
    else await attach(w, key, volume);
  }
  const { going, waits } = unwanted(w, node, wanted, present);
  const attached = present.filter(({ metadata, status }) => status?.attached && !going.includes(metadata.name));
  if (node) await tellNode(w, node, attached, wanted);
  // Only after the node was told: a kubelet must not mount what is being taken away.
  for (const name of going) await detach(w, name);
  return waits ? requeueAfter(unmountLimitMs) : done;
}

const volumeOf = ({ volumes }: Caches, { spec }: VolumeAttachment): PersistentVolume | undefined =>
  volumes.get(spec.source.persistentVolumeName ?? '');

const volumesOf = ({ claims, volumes }: Caches, pod: Pod): PersistentVolume[] =>
  claimKeysOf(pod).flatMap((key) => volumes.get(claims.get(key)?.spec.volumeName ?? '') ?? []);

const usersOf = (c: Caches, { spec: { claimRef } }: PersistentVolume): Pod[] =>
  claimRef ? c.pods.index('claim', keyText({ namespace: claimRef.namespace, name: claimRef.name ?? '' })) : [];

/** What no pod wants any more: what can go now, and whether something is left that is still mounted. */
function unwanted(w: Work, node: Node | undefined, wanted: Map<string, Wanted>, present: VolumeAttachment[]) {
  const going: string[] = [];
  let waits = false;
  for (const attachment of present) {
    const { name, deletionTimestamp } = attachment.metadata;
    if (wanted.has(name) || deletionTimestamp) continue;
    const since = w.unwantedSince.get(name) ?? w.clock.now();
    w.unwantedSince.set(name, since);
    const volume = volumeOf(w, attachment);
    if (!volume || mayDetach(node, volumeOnNode(volume), w.clock.now() - since)) going.push(name);
    else waits = true;
  }
  return { going, waits };
}

async function attach(w: Work, nodeName: string, wanted: Wanted): Promise<void> {
  const { name, attacher, volume } = wanted;
  const elsewhere = w.attachments.index('volume', volume.metadata.name);
  const users = usersOf(w, volume).filter((pod) => pod.spec.nodeName && pod.spec.nodeName !== nodeName);
  const [pod] = wanted.pods;
  const problem = multiAttachProblem(wanted, elsewhere, users, pod?.metadata.namespace ?? '');
  if (problem !== undefined) return say(w, wanted.pods, failed(problem));
  const spec = { attacher, nodeName, source: { persistentVolumeName: volume.metadata.name } };
  try {
    await w.client.create(volumeattachments, { metadata: { name }, spec });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

async function detach(w: Work, name: string): Promise<void> {
  w.unwantedSince.delete(name);
  try {
    await w.client.delete(volumeattachments, { name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** A kubelet mounts what its node's status says is attached. */
async function tellNode(w: Work, node: Node, attached: VolumeAttachment[], wanted: Map<string, Wanted>): Promise<void> {
  const known = new Set(node.status?.volumesAttached?.map(({ name }) => name));
  const volumesAttached = attached
    .flatMap((attachment) => volumeOf(w, attachment) ?? [])
    .map((volume) => ({ name: volumeOnNode(volume), devicePath: '' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (sameJson(volumesAttached, node.status?.volumesAttached ?? [])) return;
  const body = { status: { volumesAttached: volumesAttached.length > 0 ? volumesAttached : null } };
  await w.client.patch(nodes, { name: node.metadata.name }, { type: 'merge', body }, { subresource: 'status' });
  for (const { metadata } of attached) {
    const news = wanted.get(metadata.name);
    if (!news || known.has(volumeOnNode(news.volume))) continue;
    const message = `AttachVolume.Attach succeeded for volume "${news.volume.metadata.name}" `;
    say(w, news.pods, { type: 'Normal', reason: 'SuccessfulAttachVolume', message });
  }
}

function sayError(w: Work, { volume, pods: users }: Wanted, { status }: VolumeAttachment): void {
  const problem = status?.attachError?.message;
  if (!problem || status?.attached) return;
  const message = `AttachVolume.Attach failed for volume "${volume.metadata.name}" : ${problem}`;
  say(w, users, failed(message));
}

interface Said {
  type: EventType;
  reason: string;
  message: string;
}

const failed = (message: string): Said => ({ type: 'Warning', reason: 'FailedAttachVolume', message });

function say({ recorder }: Work, about: readonly Pod[], { type, reason, message }: Said): void {
  for (const pod of about) recorder.event({ ...pod, kind: 'Pod', apiVersion: 'v1' }, type, reason, message);
}

const nodeOf = ({ spec }: Pod): string[] => (spec.nodeName ? [spec.nodeName] : []);

const claimKeysOf = (pod: Pod): string[] =>
  claimNamesOf(pod).map((name) => keyText({ namespace: pod.metadata.namespace, name }));

/** Of a node's many heartbeats only those matter that let go of volumes or say that it is out. */
const hasLetGo = (old: Node, node: Node): boolean =>
  !sameJson(old.status?.volumesInUse, node.status?.volumesInUse) || !sameJson(old.spec?.taints, node.spec?.taints);
