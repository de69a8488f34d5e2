import type { Node, Pod } from '../api/generated/types.ts';
import type { HostPort } from './host-ports.ts';
import type { PodRequirement } from './pod-requirement.ts';
import type { PodTerms } from './pod-terms.ts';
import { amountsOf, type ResourceAmounts } from './resource-amounts.ts';

/** A pod that a node carries (or is about to). */
export interface PlacedPod {
  /** What the pod is known by: its uid. */
  readonly uid: string;
  readonly pod: Pod;
  readonly requirement: PodRequirement;
  readonly terms: PodTerms;
  readonly nodeName: string;
}

/** What a snapshot keeps of a node besides the columns. */
export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  /** How many nodes had come before it. */
  readonly born: number;
  /** Its place in every column. */
  readonly slot: number;
  readonly allocatable: ResourceAmounts;
  readonly pods: Map<string, PlacedPod>;
  readonly hostPorts: HostPort[];
}

/** What pods may use of a node; falls back to its capacity, as the API server does. */
export const allocatableOf = (node: Node): ResourceAmounts =>
  amountsOf(node.status?.allocatable ?? node.status?.capacity);

/** What changed between two states of a node, as far as placement cares. */
export interface NodeChange {
  readonly added: boolean;
  readonly allocatable: boolean;
  readonly labels: boolean;
  readonly taints: boolean;
  readonly images: boolean;
}

export const isUnchanged = (change: NodeChange): boolean =>
  !(change.added || change.allocatable || change.labels || change.taints || change.images);

export function nodeChange(old: Node | undefined, node: Node): NodeChange {
  if (!old) return { added: true, allocatable: true, labels: true, taints: true, images: true };
  const { spec, status } = node;
  return {
    added: false,
    allocatable: !equal(old.status?.allocatable, status?.allocatable) || !equal(old.status?.capacity, status?.capacity),
    labels: !equal(old.metadata.labels, node.metadata.labels),
    taints: !equal(old.spec?.taints, spec?.taints) || !old.spec?.unschedulable !== !spec?.unschedulable,
    images: !equal(old.status?.images, status?.images),
  };
}

/** Decoded objects share equal parts, so identity mostly answers; the text decides otherwise. */
const equal = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
