import type { Pod } from '../api/generated/types.ts';

/**
 * Pods that wait for a node they were promised: others have been sent away from it for them (`status.nominatedNodeName`).
 * Less important pods count them as if they were there.
 */
export class Nominations {
  readonly #byNode = new Map<string, Map<string, Pod>>();
  readonly #nodeOf = new Map<string, string>();
  readonly #onChange: (node: string) => void;

  constructor(onChange: (node: string) => void) {
    this.#onChange = onChange;
  }

  get isEmpty(): boolean {
    return this.#nodeOf.size === 0;
  }

  nodeOf(uid: string): string | undefined {
    return this.#nodeOf.get(uid);
  }

  on(node: string): Iterable<Pod> {
    return this.#byNode.get(node)?.values() ?? [];
  }

  /** `node` undefined: it waits for none any more. */
  set(pod: Pod, node: string | undefined): void {
    const uid = pod.metadata.uid as string;
    if (this.#nodeOf.get(uid) !== node) this.remove(uid);
    if (node === undefined) return;
    const isNew = this.#nodeOf.get(uid) === undefined;
    this.#nodeOf.set(uid, node);
    const pods = this.#byNode.get(node) ?? new Map<string, Pod>();
    this.#byNode.set(node, pods);
    pods.set(uid, pod);
    if (isNew) this.#onChange(node);
  }

  remove(uid: string): void {
    const node = this.#nodeOf.get(uid);
    if (node === undefined) return;
    this.#nodeOf.delete(uid);
    const pods = this.#byNode.get(node);
    pods?.delete(uid);
    if (pods?.size === 0) this.#byNode.delete(node);
    this.#onChange(node);
  }

  /** Those that a pod has to make room for: at least as important, and not the pod itself. */
  before(pod: Pod, node: string): Pod[] {
    const priority = pod.spec.priority ?? 0;
    return [...this.on(node)].filter(
      (other) => (other.spec.priority ?? 0) >= priority && other.metadata.uid !== pod.metadata.uid,
    );
  }
}
