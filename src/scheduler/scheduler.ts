import { namespaces, nodes, pods } from '../api/generated/resources.ts';
import type { Binding, Namespace, Node, Pod } from '../api/generated/types.ts';
import { isNotFound } from '../api/meta/status-error.ts';
import { keyOf } from '../api/resource.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Client } from '../client/client.ts';
import { BroadcastingRecorder } from '../client/event-recorder.ts';
import { Informer } from '../client/informer.ts';
import { Snapshot } from '../placement/snapshot.ts';
import { explain, type NodeVerdict, schedule } from './cycle.ts';
import { nodeEvents, podEvents } from './cluster-events.ts';
import type { SchedulerPlugin } from './plugin.ts';
import { defaultPlugins } from './plugins.ts';
import { type QueuedPod, SchedulingQueue } from './queue.ts';
import { unschedulableMessage } from './unschedulable-message.ts';

export interface SchedulerDeps {
  client: Client;
  clock: Clock;
  rng: Rng;
  log: Logger;
}

export interface SchedulerOptions {
  /** Pods with this `spec.schedulerName` are ours. */
  name?: string;
  plugins?: readonly SchedulerPlugin[];
}

export interface Scheduler {
  /** Why a pod has no node yet, of the last attempt; undefined when it does not wait here. */
  pending(uid: string): QueuedPod | undefined;
  /** Node by node, why the pod cannot go there as the cluster is now. */
  explain(pod: Pod): Map<string, NodeVerdict>;
  stop(): void;
}

const defaultName = 'default-scheduler';
/** Nodes looked at in one turn of the loop: some milliseconds. */
const nodesPerTurn = 20_000;
/** Small clusters: a turn ends after this many attempts all the same. */
const attemptsPerTurn = 100;
/** Bindings and conditions being written at once; more pods wait in the queue. */
const maxWrites = 256;

/**
 * Gives pods their nodes. Decides from its own snapshot, in which a chosen pod counts at once; the binding is written
 * meanwhile, and taken back when it fails.
 */
export function startScheduler(deps: SchedulerDeps, options: SchedulerOptions = {}): Scheduler {
  return new SchedulerLoop(deps, options);
}

class SchedulerLoop implements Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #name: string;
  readonly #world: { snapshot: Snapshot; plugins: readonly SchedulerPlugin[] };
  readonly #queue: SchedulingQueue;
  readonly #recorder: BroadcastingRecorder;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #namespaces: Informer<Namespace>;
  /** Pods whose binding is under way: the informer does not show their node yet. */
  readonly #assumed = new Set<string>();
  #start = 0;
  /** Requests under way. */
  #writes = 0;
  #cancelTurn: (() => void) | undefined;
  #isReady = false;
  #isStopped = false;

  constructor(deps: SchedulerDeps, { name = defaultName, plugins = defaultPlugins }: SchedulerOptions) {
    this.#deps = deps;
    this.#name = name;
    this.#world = { snapshot: new Snapshot(), plugins };
    const eventsByPlugin = new Map(plugins.map((plugin) => [plugin.name, plugin.events]));
    this.#queue = new SchedulingQueue(deps.clock, {
      eventsOf: (plugin) => eventsByPlugin.get(plugin) ?? [],
      onReady: () => this.#wake(),
    });
    this.#recorder = new BroadcastingRecorder(deps, { component: name });
    this.#pods = new Informer<Pod>(deps, pods, { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' });
    this.#nodes = new Informer<Node>(deps, nodes);
    this.#namespaces = new Informer<Namespace>(deps, namespaces);
    this.#follow();
    void Promise.all([this.#pods, this.#nodes, this.#namespaces].map((informer) => informer.synced)).then(() => {
      this.#isReady = true;
      this.#wake();
    });
  }

  pending(uid: string): QueuedPod | undefined {
    return this.#queue.get(uid);
  }

  explain(pod: Pod): Map<string, NodeVerdict> {
    return explain(this.#world, pod);
  }

  get #snapshot(): Snapshot {
    return this.#world.snapshot;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTurn?.();
    this.#pods.stop();
    this.#nodes.stop();
    this.#namespaces.stop();
    this.#queue.stop();
    this.#recorder.stop();
  }

  #follow(): void {
    this.#nodes.addHandler({
      added: (node) => this.#setNode(node),
      updated: (_old, node) => this.#setNode(node),
      deleted: (node) => {
        this.#snapshot.removeNode(node.metadata.name);
        this.#queue.onEvent('node.deleted');
      },
    });
    this.#namespaces.addHandler({
      added: (namespace) => this.#setNamespace(namespace),
      updated: (old, namespace) => {
        if (old.metadata.labels !== namespace.metadata.labels) this.#setNamespace(namespace);
      },
      deleted: ({ metadata }) => this.#snapshot.setNamespace(metadata.name, undefined),
    });
    this.#namespaces.start();
    this.#pods.addHandler({
      added: (pod) => this.#setPod(undefined, pod),
      updated: (old, pod) => this.#setPod(old, pod),
      deleted: (pod) => this.#removePod(pod),
    });
    this.#nodes.start();
    this.#pods.start();
  }

  #setNode(node: Node): void {
    for (const event of nodeEvents(this.#snapshot.updateNode(node))) this.#queue.onEvent(event);
  }

  #setNamespace({ metadata }: Namespace): void {
    this.#snapshot.setNamespace(metadata.name, metadata.labels ?? {});
    this.#queue.onEvent('namespace.labels');
  }

  #setPod(old: Pod | undefined, pod: Pod): void {
    const uid = pod.metadata.uid as string;
    if (pod.spec.nodeName) {
      this.#assumed.delete(uid);
      this.#queue.remove(uid);
      this.#snapshot.addPod(pod, pod.spec.nodeName);
      for (const event of podEvents(old, pod)) this.#queue.onEvent(event);
      return;
    }
    if (pod.metadata.deletionTimestamp || (pod.spec.schedulerName ?? defaultName) !== this.#name) {
      this.#queue.remove(uid);
      return;
    }
    this.#queue.add(pod);
  }

  #removePod(pod: Pod): void {
    const uid = pod.metadata.uid as string;
    this.#queue.remove(uid);
    this.#assumed.delete(uid);
    this.#snapshot.removePod(uid);
    if (pod.spec.nodeName) this.#queue.onEvent('pod.deleted');
  }

  /** Takes the next turn of the loop, so that everything else gets its own between two. */
  #wake(): void {
    if (this.#cancelTurn || !this.#isReady || this.#isStopped) return;
    this.#cancelTurn = this.#deps.clock.after(0, () => {
      this.#cancelTurn = undefined;
      this.#turn();
    });
  }

  #turn(): void {
    let evaluated = 0;
    for (let i = 0; i < attemptsPerTurn && evaluated < nodesPerTurn; i++) {
      if (this.#writes >= maxWrites) return;
      const queued = this.#queue.pop();
      if (!queued) return;
      evaluated += this.#attempt(queued);
    }
    this.#wake();
  }

  /** Returns how many nodes were looked at. */
  #attempt(queued: QueuedPod): number {
    const { pod } = queued;
    const { rng } = this.#deps;
    const placement = schedule(this.#world, pod, { rng, start: this.#start });
    this.#start = this.#snapshot.size === 0 ? 0 : (this.#start + placement.evaluated) % this.#snapshot.size;
    const uid = pod.metadata.uid as string;
    if ('node' in placement) {
      this.#assumed.add(uid);
      this.#snapshot.addPod(pod, placement.node);
      void this.#write(() => this.#bind(pod, placement.node));
      return placement.evaluated;
    }
    const { reasons, plugins } = placement;
    const rejectedBy = plugins.size > 0 ? plugins : new Set(this.#world.plugins.map((plugin) => plugin.name));
    this.#queue.park(uid, { rejectedBy, reasons });
    const message = unschedulableMessage(this.#snapshot, pod, placement);
    void this.#write(() => this.#reportUnschedulable(pod, message));
    return placement.evaluated;
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const uid = pod.metadata.uid as string;
    const { name, namespace } = pod.metadata;
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: node },
    };
    try {
      await this.#deps.client.createSubresource(pods, keyOf(pod), 'binding', binding);
      this.#recorder.event(
        referenceOf(pod),
        'Normal',
        'Scheduled',
        `Successfully assigned ${namespace}/${name} to ${node}`,
      );
    } catch (error) {
      this.#forget(pod, error);
    }
  }

  async #write(run: () => Promise<void>): Promise<void> {
    this.#writes++;
    await run().catch((error: unknown) => this.#deps.log.error({ err: error }, 'write failed'));
    this.#writes--;
    this.#wake();
  }

  #forget(pod: Pod, error: unknown): void {
    const uid = pod.metadata.uid as string;
    if (this.#isStopped || !this.#assumed.delete(uid)) return;
    this.#snapshot.removePod(uid);
    // Gone: the informer will say so. After any other answer (somebody else gave it a node, too) it comes again unless
    // the informer tells otherwise before its back-off is over.
    if (isNotFound(error)) return;
    this.#deps.log.warn({ err: error, pod: pod.metadata.name }, 'binding failed');
    this.#queue.retry(uid);
  }

  async #reportUnschedulable(pod: Pod, message: string): Promise<void> {
    this.#recorder.event(referenceOf(pod), 'Warning', 'FailedScheduling', message);
    const known = pod.status.conditions?.find((condition) => condition.type === 'PodScheduled');
    if (known?.status === 'False' && known.reason === 'Unschedulable' && known.message === message) return;
    const lastTransitionTime = new Date(this.#deps.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      observedGeneration: pod.metadata.generation,
      lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : lastTransitionTime,
    };
    const patch = { type: 'strategic' as const, body: { status: { conditions: [condition] } } };
    await this.#deps.client.patch(pods, keyOf(pod), patch, { subresource: 'status' }).catch((error: unknown) => {
      if (!isNotFound(error)) this.#deps.log.warn({ err: error, pod: pod.metadata.name }, 'condition not written');
    });
  }
}

const referenceOf = (pod: Pod) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  name: pod.metadata.name,
  namespace: pod.metadata.namespace,
  uid: pod.metadata.uid ?? '',
  resourceVersion: pod.metadata.resourceVersion,
});
