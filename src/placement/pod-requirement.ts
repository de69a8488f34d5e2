import type { PodSpec, Toleration } from '../api/generated/types.ts';
import { type HostPort, hostPortsOf } from './host-ports.ts';
import { imageName } from './image-index.ts';
import type { LabelColumns } from './label-columns.ts';
import {
  type CompiledSelector,
  type CompiledTerm,
  compilePreferred,
  compileRequired,
  pinnedNodes,
} from './node-selector.ts';
import { podRequests, podRequestsForScoring } from './pod-requests.ts';
import type { ResourceAmounts } from './resource-amounts.ts';
import type { BoundRequests, ResourceColumns } from './resource-columns.ts';
import { type TaintSets, untolerated, unwelcome } from './taints.ts';

/** What a pod's spec asks of a node, computed once for all pods with an equal spec and bound to a snapshot's columns. */
export interface PodRequirement {
  /** Equal specs have the same one, as long as it is remembered. */
  readonly id: number;
  readonly requests: ResourceAmounts;
  readonly bound: BoundRequests;
  readonly scored: { cpu: number; memory: number };
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  readonly toleratesUnschedulable: boolean;
  readonly required: CompiledSelector | undefined;
  readonly pinned: ReadonlySet<string> | undefined;
  readonly preferred: readonly { weight: number; term: CompiledTerm }[];
  /** Normalized names, one for each container. */
  readonly images: readonly string[];
  /** By taint set: whether all its hard taints are tolerated, and how many soft ones are not. */
  tolerated(taintSet: number): boolean;
  unwelcome(taintSet: number): number;
}

interface Columns {
  readonly resources: ResourceColumns;
  readonly labels: LabelColumns;
  readonly taintSets: TaintSets;
}

/** At the limit the oldest requirement is forgotten: it costs one more compilation. */
const maxCached = 4096;

/** Compiles requirements; equal specs share one. */
export class RequirementCache {
  readonly #columns: Columns;
  readonly #bySpec = new WeakMap<PodSpec, PodRequirement>();
  readonly #byText = new Map<string, PodRequirement>();
  #count = 0;

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  of(spec: PodSpec): PodRequirement {
    const known = this.#bySpec.get(spec);
    if (known) return known;
    const text = fingerprint(spec);
    let requirement = this.#byText.get(text);
    if (!requirement) {
      requirement = compile(spec, this.#columns, ++this.#count);
      if (this.#byText.size >= maxCached) this.#byText.delete(this.#byText.keys().next().value as string);
      this.#byText.set(text, requirement);
    }
    this.#bySpec.set(spec, requirement);
    return requirement;
  }
}

/** Exactly the parts of a spec that `compile` reads. */
function fingerprint(spec: PodSpec): string {
  const parts: unknown[] = [];
  for (const c of spec.containers) parts.push(c.image, c.resources?.requests, c.ports);
  for (const c of spec.initContainers ?? []) parts.push(c.restartPolicy ?? '', c.resources?.requests, c.ports);
  parts.push(spec.nodeSelector, spec.affinity?.nodeAffinity, spec.tolerations, spec.overhead, spec.resources?.requests);
  return `${spec.containers.length}${JSON.stringify(parts)}`;
}

function compile(spec: PodSpec, columns: Columns, id: number): PodRequirement {
  const tolerations = spec.tolerations ?? [];
  const requests = podRequests(spec);
  const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const cordon = { hard: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const }], soft: [] };
  return {
    id,
    requests,
    bound: columns.resources.bind(requests),
    scored: podRequestsForScoring(spec),
    hostPorts: hostPortsOf(spec),
    tolerations,
    toleratesUnschedulable: !untolerated(cordon, tolerations),
    required: compileRequired(spec, columns.labels),
    pinned: pinnedNodes(spec),
    preferred: compilePreferred(preferred, columns.labels),
    images: spec.containers.map((container) => imageName(container.image ?? '')),
    tolerated: memoById((id) => (untolerated(columns.taintSets.all[id] as never, tolerations) ? 0 : 1), Boolean),
    unwelcome: memoById((id) => unwelcome(columns.taintSets.all[id] as never, tolerations), Number),
  };
}

/** Remembers answers by small number. */
function memoById<T>(compute: (id: number) => number, present: (value: number) => T): (id: number) => T {
  const known: (number | undefined)[] = [];
  return (id) => present((known[id] ??= compute(id)));
}
