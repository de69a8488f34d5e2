import type { ContainerConfig } from '../api/generated/cri.ts';
import { pods } from '../api/generated/resources.ts';
import type { Pod, PodSpec } from '../api/generated/types.ts';
import { silentLog } from '../base/log.ts';
import { type Rng, seededRng } from '../base/rng.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import { FakeTransport } from '../client/fake.ts';
import { Informer } from '../client/informer.ts';
import { createClient } from '../client/typed-client.ts';
import { type ContainerBehavior, FakeCri } from '../cri/fake.ts';
import { containerNameLabel, podNameLabel, podUidLabel, roundAnnotation } from './config/labels.ts';
import type { PodHook } from './hooks/hook.ts';
import { fakeImageAccess } from './image-access/fake-image-access.ts';
import { Images } from './images.ts';
import { Limiter } from './limiter.ts';
import { PodDispatcher } from './pod-dispatcher.ts';
import { runtimeHandlers } from './runtime-handler.ts';
import { PodOperations } from './pod-operations.ts';
import { MirrorPods } from './static-pods/mirror-pods.ts';
import { StatusWriter } from './status-writer.ts';

const noObjects = { configMap: async () => undefined, secret: async () => undefined };
const node = {
  metadata: { name: 'n', uid: 'node-uid' },
  spec: {},
  status: { allocatable: { cpu: '64', memory: '256Gi', pods: '200' } },
};

/** The pods' side of a node in memory: real dispatcher, runners, worker, status writer; the runtime and the API are fakes. */
export class World {
  readonly clock = new VirtualClock();
  readonly rng: Rng;
  readonly api: FakeTransport;
  readonly client;
  readonly cri: FakeCri;
  readonly behaviors = new Map<string, ContainerBehavior>();
  readonly hooks: PodHook[] = [];
  /** Reasons of what was said. */
  readonly said: string[] = [];
  /** Broken promises, in words. */
  readonly violations: string[] = [];
  dispatcher: PodDispatcher | undefined;
  readonly access = fakeImageAccess(this.clock);
  /** What runs from files. */
  readonly statics: Pod[] = [];
  #mirrors: MirrorPods | undefined;
  #informer: Informer<Pod> | undefined;

  constructor(seed: number) {
    this.rng = seededRng(seed);
    this.api = new FakeTransport({ clock: this.clock, rng: this.rng });
    this.client = createClient(this.api);
    const behavior = (config: ContainerConfig) => this.behaviors.get(config.labels?.[containerNameLabel] ?? '') ?? {};
    const images = [
      { ref: 'app:1', pullMs: 200 },
      { ref: 'here:1', present: true },
      { ref: 'broken:1', pullError: 'no such image' },
    ];
    const delaysMs = {
      RunPodSandbox: 50,
      CreateContainer: 5,
      StartContainer: 30,
      StopPodSandbox: 20,
      RemovePodSandbox: 5,
    };
    this.cri = new FakeCri({ clock: this.clock, rng: this.rng }, { behavior, images, delaysMs });
    this.#watchForViolations();
  }

  admit = async (_addresses: readonly string[]): Promise<void> => {};

  start(): void {
    const { clock, client, cri, rng } = this;
    const deps = { client, clock, log: silentLog };
    const recorder: EventRecorder = { event: (_about, _type, reason) => void this.said.push(reason) };
    const operations = new PodOperations(
      {
        cri,
        clock,
        limiter: new Limiter(4),
        cdi: { resolve: async (extras) => [...extras] },
        images: new Images({ images: cri.images, clock, objects: noObjects, access: this.access }),
        hooks: this.hooks,
        objects: noObjects,
        files: { lastWords: async () => '', removeContainer: async () => {} },
        envFiles: { volumePath: () => undefined, read: async () => undefined },
        logDirOf: () => '/logs',
        admit: (_, addresses) => this.admit(addresses),
        services: () => [],
        runtimeHandlerOf: runtimeHandlers(client),
      },
      {
        cgroupParentOf: () => '/kubepods',
        dns: { servers: [], domain: 'cluster.local' },
        hostDns: { servers: [], searches: [], options: [] },
        hostIps: ['192.0.2.1'],
        allocatable: {},
        memoryCapacityBytes: 1e9,
        runtimeHandlers: () => [],
      },
    );
    const statusWriter = new StatusWriter(deps);
    const mirrors = new MirrorPods({ ...deps, node: () => node, statuses: statusWriter });
    const finished = (uid: string) => {
      for (const pod of this.statics) if (pod.metadata.uid === uid) mirrors.removed(pod);
    };
    const volumes = { refresh: async () => {} };
    this.dispatcher = new PodDispatcher(
      { cri, clock, log: silentLog, recorder, operations, statusWriter, volumes, mirrors, finished },
      { hostIps: ['192.0.2.1'], node: () => node },
    );
    const { dispatcher } = this;
    this.#mirrors = mirrors;
    mirrors.start();
    const addStatics = async () => {
      for (const pod of this.statics) {
        const status = mirrors.lastStatus(pod) ?? {};
        mirrors.added(pod);
        dispatcher.addStatic({ ...pod, status });
      }
    };
    const informer = new Informer<Pod>({ ...deps, rng }, pods);
    this.#informer = informer;
    informer.start();
    void informer.synced.then(() => dispatcher.start(informer, addStatics));
    const relist = () => {
      if (this.dispatcher !== dispatcher) return;
      dispatcher.relistSoon();
      clock.after(1000, relist);
    };
    clock.after(1000, relist);
  }

  /** The agent dies between two steps: nothing it had in mind survives, containers do. */
  kill(): void {
    const { dispatcher } = this;
    this.dispatcher = undefined;
    this.#informer?.stop();
    this.#mirrors?.stop();
    void dispatcher?.stop();
  }

  create(name: string, spec: PodSpec): Promise<Pod> {
    return this.client.create(pods, { metadata: { name, namespace: 'default' }, spec: { nodeName: 'n', ...spec } });
  }

  async get(name: string): Promise<Pod | undefined> {
    return this.client.get(pods, { namespace: 'default', name }).catch(() => undefined);
  }

  async containers(name?: string) {
    const { containers = [] } = await this.cri.runtime.ListContainers({});
    return containers.filter(({ labels }) => name === undefined || labels?.[podNameLabel] === name);
  }

  /** Lets time pass, but only until it is so; fails after `limitMs`. */
  async until(is: () => Promise<boolean> | boolean, limitMs = 60_000): Promise<void> {
    for (let passed = 0; passed <= limitMs; passed += 50) {
      if (await is()) return;
      await this.clock.advance(50);
    }
    throw new Error('did not become so');
  }

  /**
   * After each start: one running container of a name in a pod, one ready sandbox, no app before its init containers, nothing of
   * a round that is over.
   */
  #watchForViolations(): void {
    const { runtime } = this.cri;
    const start = runtime.StartContainer;
    runtime.StartContainer = async (request) => {
      const answer = await start(request);
      await this.#checkStarted(request.containerId ?? '');
      return answer;
    };
  }

  async #checkStarted(id: string): Promise<void> {
    const [all, { items = [] }] = await Promise.all([this.containers(), this.cri.runtime.ListPodSandbox({})]);
    const own = all.find((container) => container.id === id);
    if (!own) return;
    const uid = own.labels?.[podUidLabel];
    const name = own.labels?.[containerNameLabel] ?? '';
    const ofPod = all.filter((container) => container.labels?.[podUidLabel] === uid);
    const twins = ofPod.filter((c) => c.labels?.[containerNameLabel] === name && c.state === 'CONTAINER_RUNNING');
    if (twins.length > 1) this.violations.push(`${name} runs ${twins.length} times`);
    const sandboxes = items.filter((s) => s.labels?.[podUidLabel] === uid && s.state === 'SANDBOX_READY');
    if (sandboxes.length > 1) this.violations.push(`${uid} has ${sandboxes.length} ready sandboxes`);
    if (name === 'debug') return;
    const roundOf = (container: typeof own) => Number(container.annotations?.[roundAnnotation]);
    const others = ofPod.filter((c) => c.labels?.[containerNameLabel] !== 'debug');
    if (others.some((c) => c.state === 'CONTAINER_RUNNING' && roundOf(c) !== roundOf(own)))
      this.violations.push(`${name} started beside a container of another round`);
    if (!name.startsWith('app')) return;
    const inits = ofPod.filter(
      (c) => c.labels?.[containerNameLabel]?.startsWith('init') && c.podSandboxId === own.podSandboxId,
    );
    if (inits.some((c) => c.state === 'CONTAINER_RUNNING'))
      this.violations.push(`${name} started while an init container ran`);
    if (inits.length > 0 && !inits.some((c) => roundOf(c) === roundOf(own)))
      this.violations.push(`${name} started in a round without its init container`);
  }
}

export const app = (name = 'app', more: object = {}) => ({ name, image: 'here:1', ...more });
export const isReady = (pod?: Pod) =>
  pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

/** A world in which a pod has been made. */
export async function running(spec: PodSpec, behaviors: Record<string, ContainerBehavior> = {}): Promise<World> {
  const world = new World(1);
  for (const [name, behavior] of Object.entries(behaviors)) world.behaviors.set(name, behavior);
  world.start();
  await world.create('p', spec);
  return world;
}
