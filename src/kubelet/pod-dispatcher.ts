import type { Node, Pod } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Informer } from '../client/informer.ts';
import type { Cri, TaskEvent } from '../cri/cri.ts';
import { admit } from './admission.ts';
import type { Eviction } from './eviction/evictor.ts';
import type { Pressure } from './eviction/thresholds.ts';
import type { VolumesHook } from './hooks/volumes.ts';
import type { PodOperations } from './pod-operations.ts';
import { PodRunner } from './pod-runner.ts';
import { askedFor, resizeProblem, sameAllocated, withAllocated } from './resize/allocation.ts';
import { type FoundPod, runningSignature, RuntimeView, signatureOf } from './runtime-view.ts';
import { isMirror } from './static-pods/annotations.ts';
import type { MirrorPods } from './static-pods/mirror-pods.ts';
import type { StatusWriter } from './status-writer.ts';
import type { ProbeCount } from './usage/probe-metrics.ts';
import { isTerminalPhase } from './worker/pod-spec.ts';
import type { PodState, PodWorkerContext, RuntimeContainer, RuntimePod } from './worker/state.ts';

export interface PodDispatcherDeps {
  cri: Cri;
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  operations: PodOperations;
  statusWriter: StatusWriter;
  /** What the API sees of pods that are not from it; without, there are none. */
  mirrors?: MirrorPods | undefined;
  /** Nothing of the pod is left here. */
  finished?(uid: string): void;
  /** Brings changed objects into the pod's volumes. */
  volumes: Pick<VolumesHook, 'refresh'>;
  /** How the devices are that a container has. */
  devicesOf?: PodWorkerContext['devicesOf'] | undefined;
}

export interface PodDispatcherOptions {
  hostIps: readonly string[];
  node(): Node;
  /** What the node is short of. */
  pressures?(): ReadonlySet<Pressure>;
  isShuttingDown?(): boolean;
  hasAppArmor?: boolean;
}

/** A broken event stream is opened again after this long. */
const resubscribeMs = 500;
/** A kill for memory and the end that it brings are two messages; a pod that has ended is not looked at again for the first. */
const oomWordMs = 500;

/** Has something of the node. What the scheduler is told to be over, it gives to others, though traces are still taken away. */
const isUsing = ({ stage, status: { phase } }: PodState): boolean =>
  (stage === 'syncing' || stage === 'terminating') && phase !== 'Succeeded' && phase !== 'Failed';

/** Gives every pod of this node its runner and brings it the news: from the API, the runtime's events, and the relist. */
export class PodDispatcher {
  readonly #deps: PodDispatcherDeps;
  readonly #options: PodDispatcherOptions;
  readonly #view: RuntimeView;
  readonly #runners = new Map<string, PodRunner>();
  /** Container and sandbox ids with their pod; entries go with the pod. */
  readonly #owners = new Map<string, string>();
  readonly #oomIds = new Set<string>();
  /** What each pod looked like in the runtime when its runner was last told. */
  readonly #signatures = new Map<string, string>();
  /** What the runtime had of pods when this began; until they are known. */
  readonly #seen = new Map<string, RuntimePod>();
  readonly #endListeners = new Map<string, Set<() => void>>();
  #found: ReadonlyMap<string, FoundPod> = new Map();
  #relist: Promise<void> | undefined;
  #subscription: { stop(): void } | undefined;
  #cancelResubscribe: () => void = () => {};
  #isStopped = false;
  #isComplete = false;

  constructor(deps: PodDispatcherDeps, options: PodDispatcherOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#view = new RuntimeView(deps.cri.runtime);
  }

  /**
   * The informer must be synced: pods that it does not have are taken for deleted, unless `others` adds them: pods that are
   * not from the API.
   */
  async start(informer: Informer<Pod>, others: () => Promise<void> = async () => {}): Promise<void> {
    this.#subscribe();
    while (!this.#isStopped && !(await this.#list())) {
      await new Promise<void>((resolve) => this.#deps.clock.after(resubscribeMs, resolve));
    }
    const inspected = await this.#inspectAll();
    for (const { uid, runtime } of inspected) this.#seen.set(uid, runtime);
    informer.addHandler({
      added: (pod) => (isMirror(pod) ? this.#deps.mirrors?.observe(pod) : this.#added(pod)),
      updated: (_, pod) => (isMirror(pod) ? this.#deps.mirrors?.observe(pod) : this.#updated(pod)),
      deleted: (pod) => (isMirror(pod) ? this.#mirrorGone(pod) : this.#deleted(pod)),
    });
    await others();
    this.#seen.clear();
    await this.#adoptOrphans();
    this.#isComplete = true;
    for (const runner of this.#runners.values()) this.#considerResize(runner);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelResubscribe();
    this.#subscription?.stop();
    const runners = [...this.#runners.values()];
    for (const runner of runners) runner.stop();
    await Promise.all([this.#relist, ...runners.map((runner) => runner.settled())]);
  }

  /** Compares with the runtime unless that is under way already. */
  relistSoon(): void {
    this.#relist ??= this.#relistNow()
      .catch((error: unknown) => this.#deps.log.warn({ error: String(error) }, 'relist failed'))
      .finally(() => {
        this.#relist = undefined;
      });
  }

  /** Objects that these pods refer to have changed. */
  referencesChanged(podUids: readonly string[]): void {
    for (const uid of podUids) {
      const runner = this.#runners.get(uid);
      if (!runner) continue;
      if (runner.state.prepared === 'yes') this.#refreshVolumes(runner.state.pod);
      runner.feed({ type: 'wake' });
    }
  }

  /** Devices that these pods have are well now, or not any more: their statuses say so. */
  devicesChanged(podUids: readonly string[]): void {
    for (const uid of podUids) this.#runners.get(uid)?.feed({ type: 'tick' });
  }

  podIpsOf(pod: Pod): readonly string[] {
    const state = this.#runners.get(pod.metadata.uid ?? '')?.state;
    return pod.spec.hostNetwork ? this.#options.hostIps : (state?.sandbox?.ips ?? []);
  }

  /** Whether this pod may have anything on the node; always true until everything is known. */
  mayKnow(uid: string): boolean {
    return !this.#isComplete || this.#runners.has(uid) || this.#found.has(uid);
  }

  /** Whether this pod may have anything that another one wants; always true until everything is known. */
  mayUse(uid: string): boolean {
    const runner = this.#runners.get(uid);
    return runner ? isUsing(runner.state) : this.mayKnow(uid);
  }

  /** The pods of this node with their newest status. */
  list(): Pod[] {
    return Array.from(this.#runners.values(), ({ state }) => ({ ...state.pod, status: state.status }));
  }

  /** What is known of every pod of this node. */
  states(): PodState[] {
    return Array.from(this.#runners.values(), ({ state }) => state);
  }

  probeCounts(): ProbeCount[] {
    return Array.from(this.#runners.values()).flatMap(({ state: { pod }, probeCounts }) =>
      probeCounts.map((count) => ({ pod, ...count })),
    );
  }

  /** By namespace and name; the youngest where one follows another of the same name. */
  find(namespace: string, name: string): PodState | undefined {
    const matches = Array.from(this.#runners.values(), ({ state }) => state).filter(
      ({ pod }) => pod.metadata.name === name && pod.metadata.namespace === namespace,
    );
    return matches.at(-1);
  }

  /** The node has to do without the pod. */
  evict(uid: string, eviction: Eviction): void {
    this.#runners.get(uid)?.feed({ type: 'evicted', ...eviction });
  }

  /** Containers that ended and were followed by others go: the disk is short. */
  collectGarbage(): void {
    for (const runner of this.#runners.values()) runner.feed({ type: 'collectGarbage' });
  }

  runningContainers(): { pod: Pod; container: RuntimeContainer }[] {
    return Array.from(this.#runners.values()).flatMap(({ state: { pod, containers } }) =>
      Object.values(containers).flatMap(({ current }) =>
        current?.state === 'running' ? [{ pod, container: current }] : [],
      ),
    );
  }

  /** Calls once when the container has ended or its pod is gone. The returned function takes it back. */
  onEnd(containerId: string, listener: () => void): () => void {
    const listeners = this.#endListeners.get(containerId) ?? new Set();
    this.#endListeners.set(containerId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#endListeners.delete(containerId);
    };
  }

  /** Runs a pod that is not from the API. */
  addStatic(pod: Pod): void {
    this.#added(pod);
  }

  /** Ends it, gracefully. */
  removeStatic(pod: Pod): void {
    this.#deleted(pod);
  }

  #mirrorGone(mirror: Pod): void {
    this.#deps.statusWriter.forget(mirror.metadata.uid ?? '');
    this.#deps.mirrors?.forget(mirror);
  }

  #added(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const runner = this.#runner(pod);
    const runtime = this.#seen.get(uid) ?? { sandboxes: [], containers: [] };
    for (const { id } of [...runtime.sandboxes, ...runtime.containers]) this.#owners.set(id, uid);
    const isNew =
      runtime.sandboxes.length === 0 && !isTerminalPhase(pod.status?.phase) && !pod.metadata.deletionTimestamp;
    const { node, pressures, isShuttingDown, hasAppArmor } = this.#options;
    const rejection =
      isNew && pod.status?.startTime === undefined
        ? admit(pod, node(), {
            ...{
              others: this.#activePods(uid),
              pressures: pressures?.(),
              isShuttingDown: isShuttingDown?.(),
              hasAppArmor,
            },
          })
        : undefined;
    if (rejection) runner.feed({ type: 'rejected', ...rejection });
    runner.feed({ type: 'runtime', runtime });
    this.#considerResize(runner);
  }

  /** What the pod asks for now may be more or less than it was promised: decided here, where all pods are known. */
  #considerResize(runner: PodRunner): void {
    const { state } = runner;
    const { pod } = state;
    if (state.stage !== 'syncing' || !this.#isComplete) return;
    const resources = askedFor(pod);
    if (sameAllocated(state.allocated, resources)) {
      if (state.pendingResize) runner.feed({ type: 'allocated', resources });
      return;
    }
    const problem = resizeProblem(pod, this.#options.node(), this.#activePods(pod.metadata.uid ?? ''));
    if (!problem) {
      runner.feed({ type: 'allocated', resources });
      this.#reconsiderResizes();
    } else if (problem.message !== state.pendingResize?.message) runner.feed({ type: 'resizePending', ...problem });
  }

  /** There may be room now for what was put off. */
  #reconsiderResizes(): void {
    for (const runner of this.#runners.values()) if (runner.state.pendingResize) this.#considerResize(runner);
  }

  #activePods(exceptUid: string): Pod[] {
    return Array.from(this.#runners.values(), ({ state }) => state)
      .filter((state) => isUsing(state) && state.pod.metadata.uid !== exceptUid)
      .map(({ pod, allocated }) => withAllocated(pod, allocated));
  }

  #updated(pod: Pod): void {
    const runner = this.#runners.get(pod.metadata.uid ?? '');
    // Finished here, its last write still on the way back.
    if (!runner) return;
    this.#deps.statusWriter.observe(pod);
    const { metadata } = runner.state.pod;
    const isRelabelled =
      JSON.stringify([metadata.labels, metadata.annotations]) !==
      JSON.stringify([pod.metadata.labels, pod.metadata.annotations]);
    runner.feed({ type: 'pod', pod });
    this.#considerResize(runner);
    if (!isRelabelled || runner.state.stage !== 'syncing') return;
    // A container may wait for nothing else: its environment and its mounts can be made of these.
    runner.feed({ type: 'wake' });
    if (runner.state.prepared === 'yes') this.#refreshVolumes(pod);
  }

  #deleted(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.#deps.statusWriter.forget(uid);
    this.#runners.get(uid)?.feed({ type: 'deleted', pod });
  }

  #refreshVolumes(pod: Pod): void {
    this.#deps.volumes.refresh(pod).catch((error: unknown) => {
      this.#deps.log.warn({ pod: pod.metadata.name, error: String(error) }, 'volumes were not updated');
    });
  }

  #runner(pod: Pod, { isGoneFromApi = false } = {}): PodRunner {
    const uid = pod.metadata.uid ?? '';
    const { cri, clock, log, recorder, operations, statusWriter, mirrors, devicesOf } = this.#deps;
    const runner = new PodRunner(
      {
        cri,
        clock,
        log,
        recorder,
        operations,
        statusWriter: mirrors ?? statusWriter,
        hostIps: this.#options.hostIps,
        devicesOf,
        finished: (finished) => this.#forget(finished),
        owns: (owner, id) => this.#owners.set(id, owner),
      },
      { pod, isGoneFromApi },
    );
    this.#runners.set(uid, runner);
    return runner;
  }

  #forget(uid: string): void {
    this.#runners.delete(uid);
    this.#signatures.delete(uid);
    this.#deps.finished?.(uid);
    this.#reconsiderResizes();
    for (const [id, owner] of this.#owners) {
      if (owner !== uid) continue;
      this.#owners.delete(id);
      this.#oomIds.delete(id);
      this.#ended(id);
    }
  }

  #ended(id: string): void {
    for (const listener of this.#endListeners.get(id) ?? []) listener();
    this.#endListeners.delete(id);
  }

  #subscribe(): void {
    this.#subscription = this.#deps.cri.subscribe({
      event: (event) => this.#taskEvent(event),
      end: (error) => {
        if (this.#isStopped) return;
        this.#deps.log.warn({ error: String(error) }, 'runtime events ended');
        this.#cancelResubscribe = this.#deps.clock.after(resubscribeMs, () => {
          this.#subscribe();
          this.relistSoon();
        });
      },
    });
  }

  #taskEvent({ type, id, exitCode = 0, atMs }: TaskEvent): void {
    const uid = this.#owners.get(id) ?? '';
    const runner = this.#runners.get(uid);
    if (!runner) return;
    if (type === 'oom') {
      this.#oomIds.add(id);
      // Its end may have been told before: the next relist looks at what the runtime has of it now.
      this.#signatures.delete(uid);
    }
    if (type !== 'exit') return;
    const { state } = runner;
    if (state.sandbox?.id === id) return runner.feed({ type: 'sandboxExited', id });
    const work = Object.values(state.containers).find(({ current }) => current?.id === id);
    if (!work?.current) return;
    const { name, attempt } = work.current;
    const end = (message: string) => {
      const isOom = this.#oomIds.delete(id);
      runner.feed({ type: 'exited', id, exitCode, atMs, isOom, message });
      this.#ended(id);
    };
    const tell = () => this.#deps.operations.messageOf(state.pod, { name, attempt, exitCode }).then(end, () => end(''));
    const isUnexplained = exitCode === 137 && !work.stopping && !this.#oomIds.has(id);
    if (!isUnexplained) return void tell();
    this.#deps.clock.after(oomWordMs, () => {
      if (!this.#isStopped) void tell();
    });
  }

  /** False when the runtime does not answer. */
  async #list(): Promise<boolean> {
    try {
      this.#found = await this.#view.list();
      return true;
    } catch (error) {
      this.#deps.log.warn({ error: String(error) }, 'the container runtime does not answer');
      return false;
    }
  }

  async #inspectAll() {
    const all = [];
    for (const [uid, found] of this.#found) {
      all.push({ uid, runtime: await this.#view.inspect(found) });
      this.#signatures.set(uid, signatureOf(found.marks));
    }
    return all;
  }

  async #relistNow(): Promise<void> {
    const marks = new Map(Array.from(this.#runners, ([uid, runner]) => [uid, runner.quietMark]));
    if (!(await this.#list()) || this.#isStopped) return;
    await this.#adoptOrphans();
    for (const [uid, mark] of marks) {
      const runner = this.#runners.get(uid);
      const found = this.#found.get(uid);
      const signature = signatureOf(found?.marks ?? []);
      if (!runner || mark === undefined || signature === (this.#signatures.get(uid) ?? '')) continue;
      // What the worker itself has done is no news.
      if (runner.quietMark === mark && signature === runningSignature(runner.state)) {
        this.#signatures.set(uid, signature);
        continue;
      }
      const runtime = found
        ? await this.#view.inspect(found).catch(() => undefined)
        : { sandboxes: [], containers: [] };
      // Something happened meanwhile: this is no longer news.
      if (!runtime || runner.quietMark !== mark || this.#isStopped) continue;
      this.#signatures.set(uid, signature);
      for (const { id } of [...runtime.sandboxes, ...runtime.containers]) this.#owners.set(id, uid);
      runner.feed({ type: 'runtime', runtime });
      for (const { id, state } of runtime.containers) if (state === 'exited') this.#ended(id);
    }
  }

  /** Pods that only the runtime knows: the API forgot them while no agent ran. They are taken down, gracefully. */
  async #adoptOrphans(): Promise<void> {
    for (const [uid, found] of this.#found) {
      if (this.#runners.has(uid)) continue;
      const runtime = await this.#view.inspect(found);
      const isGone = runtime.sandboxes.length + runtime.containers.length === 0;
      // Removed, or known by now, while it was looked at.
      if (isGone || this.#runners.has(uid) || this.#isStopped) continue;
      this.#deps.log.info({ pod: found.name, namespace: found.namespace, uid }, 'pod without an API object is removed');
      for (const { id } of [...runtime.sandboxes, ...runtime.containers]) this.#owners.set(id, uid);
      this.#runner(orphan(found, runtime), { isGoneFromApi: true }).feed({ type: 'runtime', runtime });
    }
  }
}

/** The object of a pod of which only the runtime's labels are left. */
function orphan({ uid, name, namespace, graceSeconds }: FoundPod, runtime: RuntimePod): Pod {
  const names = [...new Set(runtime.containers.map((container) => container.name))];
  return {
    metadata: { uid, name, namespace, deletionGracePeriodSeconds: graceSeconds },
    spec: { containers: names.map((container) => ({ name: container })), restartPolicy: 'Never' },
    status: {},
  };
}
