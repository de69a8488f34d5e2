import { events, nodes, pods } from '../../../src/api/generated/resources.ts';
import type { Pod, PodCondition, PodStatus } from '../../../src/api/generated/types.ts';
import { type KubeObject, keyOf, type ObjectKey, type Resource } from '../../../src/api/resource.ts';
import type { Client } from '../../../src/client/client.ts';
import type { Cluster } from '../../../src/testing/cluster.ts';
import { startCluster } from '../../../src/testing/start-cluster.ts';

const timeText = (date: Date): string => `${date.toISOString().slice(0, 19)}Z`;

/**
 * A cluster in this process (real API server, controllers with nothing but their own roles, virtual clock) where the test
 * itself is the scheduler and the kubelets: it says step by step what becomes of pods. They run nowhere.
 */
export class Plane {
  /** Warnings from inside: refusals by RBAC and validation show here. */
  readonly warnings: string[];
  readonly admin: Client;
  readonly cluster: Cluster;
  /** Asked of each pod that is not ready yet. */
  mayRun: (pod: Pod) => boolean = () => true;
  #lastIp = 0;

  static async start({ only }: { only?: readonly string[] } = {}): Promise<Plane> {
    const warnings: string[] = [];
    const onLog = (line: string) => warnings.push(line);
    const cluster = await startCluster({ clock: 'virtual', nodes: 0, scheduler: false, controllers: only, onLog });
    const plane = new Plane(cluster, warnings);
    await plane.settle();
    return plane;
  }

  private constructor(cluster: Cluster, warnings: string[]) {
    this.cluster = cluster;
    this.warnings = warnings;
    this.admin = cluster.client;
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }

  /** Lets time pass; everything due happens. */
  settle(ms = 1000): Promise<void> {
    return this.cluster.advance(`${ms}ms`);
  }

  async list<T extends KubeObject>(resource: Resource<T>, namespace = 'default'): Promise<T[]> {
    return (await this.admin.list(resource, resource.namespaced ? { namespace } : {})).items;
  }
  async names(resource: Resource): Promise<string[]> {
    return (await this.list(resource)).map((o) => o.metadata.name).sort();
  }
  get<T extends KubeObject>(resource: Resource<T>, name: string): Promise<T> {
    return this.admin.get(resource, resource.namespaced ? { namespace: 'default', name } : { name });
  }
  patch<T extends KubeObject>(resource: Resource<T>, name: string, body: unknown): Promise<T> {
    const key: ObjectKey = resource.namespaced ? { namespace: 'default', name } : { name };
    return this.admin.patch(resource, key, { type: 'merge', body });
  }
  async eventReasons(): Promise<string[]> {
    return (await this.list(events)).map((e) => e.reason ?? '');
  }

  async addNode(name: string, node: object = {}): Promise<void> {
    await this.admin.create(nodes, { metadata: { name }, ...node });
  }

  async setPodStatus(pod: Pod, status: Partial<PodStatus>): Promise<void> {
    // Controllers write at the same time: only what a kubelet says is sent.
    await this.admin.patch(pods, keyOf(pod), { type: 'merge', body: { status } }, { subresource: 'status' });
  }

  async setPodReady(pod: Pod, ready = true): Promise<void> {
    const condition: PodCondition = {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      lastTransitionTime: timeText(this.cluster.now),
    };
    const podIP = pod.status?.podIP ?? `10.244.0.${++this.#lastIp % 250}`;
    const startTime = pod.status?.startTime ?? timeText(this.cluster.now);
    await this.setPodStatus(pod, {
      phase: 'Running',
      startTime,
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: [condition],
    });
  }

  /** One round of scheduler and kubelets: binds, ends what is being deleted, makes ready. True when there was work. */
  async runPodsOnce(): Promise<boolean> {
    let worked = false;
    for (const pod of await this.list(pods)) {
      const hand = this.#handFor(pod);
      if (!hand) continue;
      worked = true;
      await hand();
    }
    return worked;
  }

  /** Rounds until nothing changes any more. */
  async runPods(): Promise<void> {
    for (let round = 0; round < 60; round++) {
      await this.settle();
      if (!(await this.runPodsOnce())) return;
    }
    throw new Error('the pods never settled');
  }

  #handFor(pod: Pod): (() => Promise<unknown>) | undefined {
    if (pod.metadata.deletionTimestamp) {
      // One that a finalizer holds has ended all the same.
      if (pod.metadata.deletionGracePeriodSeconds === 0) return undefined;
      return () => this.admin.delete(pods, keyOf(pod), { gracePeriodSeconds: 0 });
    }
    if (!pod.spec.nodeName) return () => this.bind(pod);
    if (pod.status?.phase === 'Pending' && this.mayRun(pod)) return () => this.setPodReady(pod);
    return undefined;
  }

  /** The scheduler's hand alone. */
  bind(pod: Pod): Promise<unknown> {
    const affinity = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const pinned = affinity?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0];
    return this.admin.createSubresource(pods, keyOf(pod), 'binding', {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: keyOf(pod),
      target: { apiVersion: 'v1', kind: 'Node', name: pinned ?? 'n1' },
    });
  }

  /** What freshly started controllers write in a world that was left alone: nothing, if they are level-driven. */
  async writesOfRestart(resources: readonly Resource[]): Promise<string[]> {
    await this.settle();
    const before = await this.#versions(resources);
    await this.cluster.restart('controllers');
    await this.settle(5000);
    const after = await this.#versions(resources);
    const keys = new Set([...before.keys(), ...after.keys()]);
    return [...keys].filter((key) => before.get(key) !== after.get(key));
  }

  async #versions(resources: readonly Resource[]): Promise<Map<string, string>> {
    const versions = new Map<string, string>();
    for (const resource of resources) {
      for (const o of (await this.admin.list(resource)).items) {
        const { namespace = '', name, uid, resourceVersion } = o.metadata;
        versions.set(`${resource.resource} ${namespace}/${name}`, `${uid} ${resourceVersion}`);
      }
    }
    return versions;
  }
}

/** A pod template of one container, as manifests have it. */
export const template = (app: string, image = 'app:1') => ({
  metadata: { labels: { app } },
  spec: { containers: [{ name: 'main', image }] },
});
