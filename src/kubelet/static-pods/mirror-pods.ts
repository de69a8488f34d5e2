import { pods } from '../../api/generated/resources.ts';
import type { Node, Pod, PodStatus } from '../../api/generated/types.ts';
import { isAlreadyExists, isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Client } from '../../client/client.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { StatusSink } from '../status-writer.ts';
import { hashAnnotation, isStatic, mirrorAnnotation } from './annotations.ts';

export interface MirrorPodsDeps {
  client: Client;
  clock: Clock;
  log: Logger;
  /** The node's object: mirrors go with it. */
  node(): Node | undefined;
  /** Where statuses of pods in the API go. */
  statuses: StatusSink;
}

const backoff = { baseMs: 500, maxMs: 30_000 };

/**
 * Shows the API the pods that this node runs from files: a mirror of each, made when it is missing, made anew when it was
 * deleted or shows another pod, deleted with the pod. Carries their statuses over.
 */
export class MirrorPods implements StatusSink {
  readonly #deps: MirrorPodsDeps;
  readonly #queue: WorkQueue;
  /** By namespace and name: what runs, what the API shows of it, and what its status should say. */
  readonly #statics = new Map<string, Pod>();
  readonly #mirrors = new Map<string, Pod>();
  readonly #wanted = new Map<string, PodStatus>();

  constructor(deps: MirrorPodsDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue(deps.clock, backoff);
  }

  /** From now on the API is written to. */
  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#queue.shutDown();
  }

  /** A pod runs from a file. */
  added(pod: Pod): void {
    this.#statics.set(nameOf(pod), pod);
    this.#queue.add(nameOf(pod));
  }

  /** It is gone from this node; another of its name may run already. */
  removed(pod: Pod): void {
    const name = nameOf(pod);
    if (this.#statics.get(name)?.metadata.uid !== pod.metadata.uid) return;
    this.#statics.delete(name);
    this.#wanted.delete(name);
    this.#queue.add(name);
  }

  /** What the API shows. */
  observe(mirror: Pod): void {
    const name = nameOf(mirror);
    this.#mirrors.set(name, mirror);
    this.#deps.statuses.observe(mirror);
    this.#queue.add(name);
    this.#tell(name);
  }

  forget(mirror: Pod): void {
    const name = nameOf(mirror);
    if (this.#mirrors.get(name)?.metadata.uid === mirror.metadata.uid) this.#mirrors.delete(name);
    this.#queue.add(name);
  }

  /** What the API says that the pod was, when it shows this very pod: an agent that restarts goes on from there. */
  lastStatus(pod: Pod): PodStatus | undefined {
    const mirror = this.#mirrors.get(nameOf(pod));
    return mirror && isMirrorOf(mirror, pod) ? mirror.status : undefined;
  }

  write(pod: Pod, status: PodStatus): void {
    if (!isStatic(pod)) return this.#deps.statuses.write(pod, status);
    const name = nameOf(pod);
    if (this.#statics.get(name)?.metadata.uid !== pod.metadata.uid) return;
    this.#wanted.set(name, status);
    this.#tell(name);
  }

  delete(pod: Pod): void {
    if (!isStatic(pod)) this.#deps.statuses.delete(pod);
  }

  #tell(name: string): void {
    const [pod, mirror, status] = [this.#statics.get(name), this.#mirrors.get(name), this.#wanted.get(name)];
    if (pod && mirror && status && isMirrorOf(mirror, pod)) this.#deps.statuses.write(mirror, status);
  }

  async #run(): Promise<void> {
    for (let name = await this.#queue.take(); name !== undefined; name = await this.#queue.take()) {
      try {
        await this.#reconcile(name);
        this.#queue.forget(name);
      } catch (error) {
        this.#deps.log.warn({ pod: name, error: String(error) }, 'mirror pod is not right yet');
        this.#queue.addRateLimited(name);
      }
      this.#queue.done(name);
    }
  }

  async #reconcile(name: string): Promise<void> {
    const { client } = this.#deps;
    const [pod, mirror] = [this.#statics.get(name), this.#mirrors.get(name)];
    if (mirror && !(pod && isMirrorOf(mirror, pod) && !mirror.metadata.deletionTimestamp)) {
      const { uid } = mirror.metadata;
      await client
        .delete(pods, keyOf(mirror), { gracePeriodSeconds: 0, preconditions: { uid } })
        .catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
        });
      // Made anew when the API has said that it is gone.
      return;
    }
    if (!pod || mirror) return;
    const node = this.#deps.node();
    if (!node?.metadata.uid) throw new Error('the node is not registered yet');
    await client.create(pods, mirrorOf(pod, node)).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  }
}

const nameOf = (pod: Pod): string => keyText(keyOf(pod));

const isMirrorOf = (mirror: Pod, pod: Pod): boolean =>
  mirror.metadata.annotations?.[mirrorAnnotation] === pod.metadata.annotations?.[hashAnnotation];

/** What the API gets to see. */
export function mirrorOf({ metadata, spec }: Pod, node: Node): Pod {
  const { name, namespace, labels, annotations = {} } = metadata;
  const owner = {
    apiVersion: 'v1',
    kind: 'Node',
    name: node.metadata.name,
    uid: node.metadata.uid ?? '',
    controller: true,
  };
  return {
    metadata: {
      ...{ name, namespace, ...(labels ? { labels } : {}) },
      annotations: { ...annotations, [mirrorAnnotation]: annotations[hashAnnotation] ?? '' },
      ownerReferences: [owner],
    },
    spec,
    status: {},
  };
}
