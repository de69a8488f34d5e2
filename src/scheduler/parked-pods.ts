import type { Snapshot } from '../placement/snapshot.ts';
import type { ClusterEvent, EventKind } from './cluster-events.ts';
import type { Hints } from './hints.ts';
import type { QueuedPod } from './queue.ts';

/** What the queue needs to know of a plugin. */
export interface HintingPlugin {
  readonly name: string;
  readonly hints: Hints;
  /** Its answers are the same for all pods with an equal spec. */
  readonly isLocal: boolean;
}

/** Pods that were turned away by the same plugins for the same reasons: one answer is everybody's. */
interface Class<T extends QueuedPod> {
  readonly key: string;
  readonly plugins: readonly HintingPlugin[];
  readonly pods: Set<T>;
}

/** Pods that wait for an event, found by the kinds of events that can help them. */
export class ParkedPods<T extends QueuedPod> {
  readonly #plugins: ReadonlyMap<string, HintingPlugin>;
  readonly #snapshot: () => Snapshot;
  readonly #classes = new Map<string, Class<T>>();
  readonly #byKind = new Map<EventKind, Set<Class<T>>>();
  readonly #classOf = new Map<T, Class<T>>();
  /** Those that were promised a node, by its name: they wait for that one. */
  readonly #promised = new Map<string, Set<T>>();
  readonly #promiseOf = new Map<T, string>();

  constructor(plugins: ReadonlyMap<string, HintingPlugin>, snapshot: () => Snapshot) {
    this.#plugins = plugins;
    this.#snapshot = snapshot;
  }

  add(queued: T): void {
    const node = this.#snapshot().nominations.nodeOf(queued.pod.metadata.uid as string);
    if (node !== undefined) {
      this.#promiseOf.set(queued, node);
      this.#promised.set(node, (this.#promised.get(node) ?? new Set()).add(queued));
      return;
    }
    const plugins = this.#pluginsOf(queued);
    const alike = plugins.every(({ isLocal }) => isLocal)
      ? this.#snapshot().requirementOf(queued.pod.spec).id
      : queued.pod.metadata.uid;
    const key = `${alike} ${queued.pod.spec.priority ?? 0} ${plugins.map(({ name }) => name).join()}`;
    const known = this.#classes.get(key) ?? this.#newClass(key, plugins);
    known.pods.add(queued);
    this.#classOf.set(queued, known);
  }

  remove(queued: T): void {
    const node = this.#promiseOf.get(queued);
    if (node !== undefined) {
      this.#promiseOf.delete(queued);
      const pods = this.#promised.get(node);
      pods?.delete(queued);
      if (pods?.size === 0) this.#promised.delete(node);
      return;
    }
    const known = this.#classOf.get(queued);
    if (!known) return;
    this.#classOf.delete(queued);
    known.pods.delete(queued);
    if (known.pods.size > 0) return;
    this.#classes.delete(known.key);
    for (const kind of kindsOf(known)) this.#byKind.get(kind)?.delete(known);
  }

  /** Those that the event may help. */
  helpedBy(event: ClusterEvent): T[] {
    const helped: T[] = this.#helpedByPromise(event);
    for (const { plugins, pods } of this.#byKind.get(event.kind) ?? []) {
      const [sample] = pods;
      const waiting = sample && { pod: sample.pod, snapshot: this.#snapshot() };
      if (waiting && plugins.some(({ hints }) => hints[event.kind]?.(waiting, event))) helped.push(...pods);
    }
    return helped;
  }

  #helpedByPromise(event: ClusterEvent): T[] {
    if (event.slot === undefined || this.#promised.size === 0) return [];
    const snapshot = this.#snapshot();
    const pods = this.#promised.get(snapshot.node(event.slot)?.name ?? '');
    return [...(pods ?? [])].filter((queued) =>
      this.#pluginsOf(queued).some(({ hints }) => hints[event.kind]?.({ pod: queued.pod, snapshot }, event)),
    );
  }

  #pluginsOf({ rejectedBy }: T): HintingPlugin[] {
    return [...rejectedBy].sort().flatMap((name) => this.#plugins.get(name) ?? []);
  }

  #newClass(key: string, plugins: readonly HintingPlugin[]): Class<T> {
    const added: Class<T> = { key, plugins, pods: new Set() };
    this.#classes.set(key, added);
    for (const kind of kindsOf(added)) {
      const classes = this.#byKind.get(kind) ?? new Set();
      this.#byKind.set(kind, classes.add(added));
    }
    return added;
  }
}

const kindsOf = ({ plugins }: { plugins: readonly HintingPlugin[] }): Set<EventKind> =>
  new Set(plugins.flatMap(({ hints }) => Object.keys(hints) as EventKind[]));
