import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { events, nodes, pods } from '../../../src/api/generated/resources.ts';
import type { Pod, PodCondition, PodStatus } from '../../../src/api/generated/types.ts';
import { type KubeObject, keyOf, type ObjectKey, type Resource } from '../../../src/api/resource.ts';
import { ApiServer } from '../../../src/apiserver/api-server.ts';
import { allAuthenticated, mastersGroup, serviceAccountUser } from '../../../src/apiserver/authn/user-info.ts';
import { type Logger, silentLog } from '../../../src/base/log.ts';
import { seededRng } from '../../../src/base/rng.ts';
import { VirtualClock } from '../../../src/base/virtual-clock.ts';
import type { Client } from '../../../src/client/client.ts';
import { createClient } from '../../../src/client/typed-client.ts';
import { startControllers, type StartOptions } from '../../../src/controllers/controllers.ts';
import { ensureClusterPki } from '../../../src/pki/cluster-pki.ts';
import { MemoryJournal } from '../../../src/store/memory-journal.ts';

const startMs = Date.UTC(2026, 0, 1);
const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

async function startApi(folder: string, clock: VirtualClock): Promise<ApiServer> {
  const serviceAddress = '10.96.0.1';
  const pki = await ensureClusterPki(folder, { clock, clusterName: 'test', addresses: ['127.0.0.1'], serviceAddress });
  const onFatal = (error: unknown) => {
    throw error;
  };
  return ApiServer.start(
    { journal: new MemoryJournal(), clock, rng: seededRng(1), log: silentLog, onFatal },
    {
      serviceCidr: '10.96.0.0/16',
      ca: pki.ca.cert,
      tokenKey: pki.serviceAccount.key,
      facts: {
        caPem: pki.ca.cert,
        serverUrl: 'https://127.0.0.1:6443',
        endpointAddress: '172.30.0.254',
        endpointPort: 6443,
        serviceAddress,
        serviceCidr: '10.96.0.0/16',
        podCidr: '10.244.0.0/16',
        dnsAddress: '10.96.0.10',
        clusterDomain: 'cluster.local',
      },
    },
  );
}

/**
 * The real API server (validation, defaults, admission, RBAC) and controllers with nothing but their own roles, on a
 * virtual clock, without nodes: the hands of a scheduler and of kubelets are this object's. Its pods run nowhere.
 */
export class Plane {
  readonly clock = new VirtualClock(startMs);
  /** Warnings of the controllers: refusals by RBAC and validation show here. */
  readonly warnings: string[] = [];
  readonly admin: Client;
  /** Asked of each pod that is not ready yet. */
  mayRun: (pod: Pod) => boolean = () => true;
  readonly #folder: string;
  readonly #api: ApiServer;
  readonly #options: StartOptions;
  #running: { stop(): void } = { stop: () => {} };
  /** The newest version of a write by a controller that was no event. */
  #lastIp = 0;

  static async start(options: StartOptions): Promise<Plane> {
    const folder = mkdtempSync(join(tmpdir(), 'plane-'));
    const clock = new VirtualClock(startMs);
    const plane = new Plane(folder, await startApi(folder, clock), { clock, options });
    await plane.#startControllers();
    await plane.settle();
    return plane;
  }

  private constructor(
    folder: string,
    api: ApiServer,
    { clock, options }: { clock: VirtualClock; options: StartOptions },
  ) {
    this.#folder = folder;
    this.#api = api;
    this.clock = clock;
    this.#options = options;
    this.admin = createClient(api.transportFor({ name: 'admin', groups: [mastersGroup, allAuthenticated] }, 'test'));
  }

  async stop(): Promise<void> {
    this.#running.stop();
    await this.#api.close();
    rmSync(this.#folder, { recursive: true });
  }

  async #startControllers(): Promise<void> {
    const manager = { name: 'system:kube-controller-manager', groups: [allAuthenticated] };
    const log: Logger = {
      ...silentLog,
      warn: (fields, message) => this.warnings.push(`${message} ${JSON.stringify(fields)}`),
      child: () => log,
    };
    const running = startControllers(
      {
        clientFor: (name) => createClient(this.#api.transportFor(serviceAccountUser('kube-system', name), name)),
        cacheClient: createClient(this.#api.transportFor(manager, 'kube-controller-manager')),
        clock: this.clock,
        rng: seededRng(2),
        log,
      },
      this.#options,
    );
    this.#running = running;
    await this.settle();
    await running.synced;
  }

  /** Lets time pass; everything due happens. */
  settle(ms = 1000): Promise<void> {
    return this.clock.advance(ms);
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
    const live = await this.admin.get(pods, keyOf(pod));
    await this.admin.update(pods, { ...live, status: { ...live.status, ...status } }, { subresource: 'status' });
  }

  async setPodReady(pod: Pod, ready = true): Promise<void> {
    const condition: PodCondition = {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      lastTransitionTime: timeText(this.clock.now()),
    };
    const podIP = pod.status?.podIP ?? `10.244.0.${++this.#lastIp % 250}`;
    await this.setPodStatus(pod, { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [condition] });
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
    if (!pod.spec.nodeName) return () => this.#bind(pod);
    if (pod.status?.phase === 'Pending' && this.mayRun(pod)) return () => this.setPodReady(pod);
    return undefined;
  }

  #bind(pod: Pod): Promise<unknown> {
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
    this.#running.stop();
    await this.#startControllers();
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
