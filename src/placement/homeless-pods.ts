import type { PlacedPod } from './node-info.ts';

/** Pods whose node is not known (yet), by its name. */
export class HomelessPods {
  readonly #byNode = new Map<string, Map<string, PlacedPod>>();

  add(placed: PlacedPod): void {
    const others = this.#byNode.get(placed.nodeName);
    if (others) others.set(placed.uid, placed);
    else this.#byNode.set(placed.nodeName, new Map([[placed.uid, placed]]));
  }

  remove(placed: PlacedPod): void {
    const others = this.#byNode.get(placed.nodeName);
    others?.delete(placed.uid);
    if (others?.size === 0) this.#byNode.delete(placed.nodeName);
  }

  /** Gives out those of a node that is there now. */
  take(nodeName: string): Iterable<PlacedPod> {
    const waiting = this.#byNode.get(nodeName);
    this.#byNode.delete(nodeName);
    return waiting?.values() ?? [];
  }
}
