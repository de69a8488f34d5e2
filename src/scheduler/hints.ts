import type { Pod } from '../api/generated/types.ts';
import type { NodeFilter } from '../placement/filters/node-filter.ts';
import { type SelectablePod, selectableOfPod } from '../placement/pod-matchers.ts';
import type { Snapshot } from '../placement/snapshot.ts';
import { Evaluation } from './evaluation.ts';
import type { ClusterEvent, EventKind } from './cluster-events.ts';

/** A pod that was turned away, and the cluster as it is after the event. */
export interface Waiting {
  readonly pod: Pod;
  readonly snapshot: Snapshot;
}

/** Whether an event may help a pod that a plugin turned away (queueing hints, KEP-4247). */
export type Hint = (waiting: Waiting, event: ClusterEvent) => boolean;

/** The events that matter to a plugin, and when. */
export type Hints = Partial<Record<EventKind, Hint>>;

export const always: Hint = () => true;

/** The node of the event would do now, as far as this filter goes; what is promised to others there is not to be had. */
export const nodeWouldDo =
  (filter: NodeFilter): Hint =>
  ({ pod, snapshot }, { slot }) =>
    slot !== undefined && new Evaluation([{ name: '', filter }], snapshot, pod).failedAt(slot) === undefined;

/** The same hint for several kinds of events. */
export const forAll = (hint: Hint, ...kinds: EventKind[]): Hints =>
  Object.fromEntries(kinds.map((kind) => [kind, hint]));

/** The pod of the event uses volumes too. */
export const hadVolumes: Hint = (_waiting, { pod }) => (pod?.spec.volumes ?? []).length > 0;

/** Of a pod that changed, both states count. */
const states = ({ pod, old }: ClusterEvent): SelectablePod[] =>
  [pod, old].flatMap((one) => (one ? [selectableOfPod(one)] : []));

/** Somebody whom the pod wants to be near has come. */
const isWanted: Hint = ({ pod, snapshot }, event) =>
  snapshot
    .termsOf(pod)
    .affinity.some(({ selection }) => states(event).some((other) => snapshot.matchers.selects(selection, other)));

/** Somebody whom the pod avoids, or who avoided it, is gone. */
const isRid: Hint = ({ pod, snapshot }, event) => {
  const own = snapshot.termsOf(pod).antiAffinity;
  if (own.some(({ selection }) => states(event).some((other) => snapshot.matchers.selects(selection, other))))
    return true;
  const asked = selectableOfPod(pod);
  return [event.pod, event.old].some((other) =>
    other ? snapshot.termsOf(other).antiAffinity.some((t) => snapshot.matchers.selects(t.selection, asked)) : false,
  );
};

/** The node has a domain that the pod's terms are about. */
const hasTopology: Hint = ({ pod, snapshot }, { slot }) => {
  const labels = slot === undefined ? undefined : snapshot.node(slot)?.node.metadata.labels;
  const { affinity, antiAffinity } = snapshot.termsOf(pod);
  const terms = [...affinity, ...antiAffinity];
  // Turned away by what others say: any node may be far enough from them.
  return terms.length === 0 || terms.some(({ topologyKey }) => labels?.[topologyKey] !== undefined);
};

export const affinityHints: Hints = {
  'pod.added': isWanted,
  'pod.deleted': isRid,
  'pod.updated': (waiting, event) => isWanted(waiting, event) || isRid(waiting, event),
  ...forAll(hasTopology, 'node.added', 'node.labels'),
  'namespace.labels': always,
};

/** The pod of the event is one of those that the waiting one is spread among. */
const isCounted: Hint = ({ pod, snapshot }, event) =>
  (pod.spec.topologySpreadConstraints ?? []).some(({ labelSelector: selector }) => {
    const selection = { namespaces: [pod.metadata.namespace ?? ''], selector };
    return states(event).some((other) => snapshot.matchers.selects(selection, other));
  });

const hasAllTopologies: Hint = ({ pod, snapshot }, { slot }) => {
  const labels = slot === undefined ? undefined : snapshot.node(slot)?.node.metadata.labels;
  return (pod.spec.topologySpreadConstraints ?? []).every(({ topologyKey }) => labels?.[topologyKey] !== undefined);
};

export const spreadHints: Hints = {
  ...forAll(isCounted, 'pod.added', 'pod.deleted', 'pod.updated'),
  'node.added': hasAllTopologies,
  ...forAll(always, 'node.deleted', 'node.labels', 'node.taints'),
};
