import type { Taint, Toleration } from '../api/generated/types.ts';

/** The taints of a node, split by what they do to a pod that does not tolerate them. */
export interface TaintSet {
  /** NoSchedule and NoExecute: keep the pod away. */
  readonly hard: readonly Taint[];
  /** PreferNoSchedule: lower the node's score. */
  readonly soft: readonly Taint[];
}

/** Nodes with equal taints share one number; 0 is "no taints". */
export class TaintSets {
  readonly all: TaintSet[] = [{ hard: [], soft: [] }];
  readonly #ids = new Map<string, number>();

  idOf(taints: readonly Taint[] | undefined): number {
    if (!taints?.length) return 0;
    const key = JSON.stringify(taints.map((t) => [t.key, t.value ?? '', t.effect]));
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.all.length;
      this.#ids.set(key, id);
      this.all.push({
        hard: taints.filter((t) => t.effect === 'NoSchedule' || t.effect === 'NoExecute'),
        soft: taints.filter((t) => t.effect === 'PreferNoSchedule'),
      });
    }
    return id;
  }
}

/** What taints of nodes and of devices have in common, and what tolerates them. */
interface AnyTaint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

interface AnyToleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
}

/** Whether one of the tolerations covers the taint (v1.Toleration). */
export const tolerates = (tolerations: readonly AnyToleration[], taint: AnyTaint): boolean =>
  tolerations.some((toleration) => covers(toleration, taint));

function covers(toleration: AnyToleration, taint: AnyTaint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  // No key with Exists covers every taint; other operators need the key.
  const operator = toleration.operator || 'Equal';
  if (operator === 'Exists') return true;
  if (!toleration.key) return false;
  return operator === 'Equal' && (toleration.value ?? '') === (taint.value ?? '');
}

/** The first taint that keeps the pod away; undefined when all are tolerated. */
export const untolerated = (set: TaintSet, tolerations: readonly Toleration[]): Taint | undefined =>
  set.hard.find((taint) => !tolerates(tolerations, taint));

/** How many PreferNoSchedule taints the pod does not tolerate. */
export const unwelcome = (set: TaintSet, tolerations: readonly Toleration[]): number =>
  set.soft.filter((taint) => !tolerates(tolerations, taint)).length;

/** An answer for every taint set, so that a run over many nodes only looks it up. */
export const byTaintSet = (sets: TaintSets, answer: (id: number) => number): Uint8Array =>
  Uint8Array.from(sets.all, (_set, id) => answer(id));
