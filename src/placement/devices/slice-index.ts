import type { Node, ResourceSlice } from '../../api/generated/types.ts';
import { matchesNodeSelector } from './node-match.ts';

interface Pool {
  readonly slices: Set<ResourceSlice>;
  generation: number;
}

export const poolKey = ({ driver, pool }: ResourceSlice['spec']): string => `${driver}/${pool.name}`;

/** Slices by the node that they are for, and by their pool; older generations of a pool are passed over. */
export class SliceIndex {
  readonly #byNode = new Map<string, Set<ResourceSlice>>();
  /** Those that say in another way which nodes they are for. */
  readonly #others = new Set<ResourceSlice>();
  readonly #pools = new Map<string, Pool>();

  replace(now: ResourceSlice | undefined, old: ResourceSlice | undefined): void {
    if (old) this.#remove(old);
    if (now) this.#add(now);
  }

  /** Those that may have devices for a node. */
  forNode({ metadata }: Node): ResourceSlice[] {
    const all = [...(this.#byNode.get(metadata.name) ?? []), ...this.#others];
    return all.filter((slice) => this.#isNewest(slice));
  }

  ofPool(key: string): ResourceSlice[] {
    return [...(this.#pools.get(key)?.slices ?? [])].filter((slice) => this.#isNewest(slice));
  }

  #isNewest({ spec }: ResourceSlice): boolean {
    return spec.pool.generation === this.#pools.get(poolKey(spec))?.generation;
  }

  #add(slice: ResourceSlice): void {
    const { nodeName, pool } = slice.spec;
    if (nodeName) this.#byNode.set(nodeName, (this.#byNode.get(nodeName) ?? new Set()).add(slice));
    else this.#others.add(slice);
    const key = poolKey(slice.spec);
    const known = this.#pools.get(key) ?? { slices: new Set(), generation: 0 };
    known.slices.add(slice);
    known.generation = Math.max(known.generation, pool.generation);
    this.#pools.set(key, known);
  }

  #remove(slice: ResourceSlice): void {
    const { nodeName = '' } = slice.spec;
    const ofNode = this.#byNode.get(nodeName);
    ofNode?.delete(slice);
    if (ofNode?.size === 0) this.#byNode.delete(nodeName);
    this.#others.delete(slice);
    const key = poolKey(slice.spec);
    const pool = this.#pools.get(key);
    if (!pool) return;
    pool.slices.delete(slice);
    pool.generation = Math.max(0, ...[...pool.slices].map(({ spec }) => spec.pool.generation));
    if (pool.slices.size === 0) this.#pools.delete(key);
  }
}

/** Which nodes can use what a slice has, or one of its devices where each says so itself. */
export type Reach = Pick<ResourceSlice['spec'], 'nodeName' | 'nodeSelector' | 'allNodes'>;

export const isForNode = ({ nodeName, nodeSelector, allNodes }: Reach, node: Node): boolean =>
  Boolean(allNodes) ||
  (nodeName ? nodeName === node.metadata.name : nodeSelector !== undefined && matchesNodeSelector(nodeSelector, node));
