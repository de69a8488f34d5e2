import type { Container, ObjectReference, Pod } from '../api/generated/types.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { EventRecorder, EventType } from '../client/event-recorder.ts';
import type { Cri } from '../cri/cri.ts';
import { ConfigError } from './config/config-error.ts';
import { ImageError } from './images.ts';
import { CreateError, type PodOperations, StartError } from './pod-operations.ts';
import { withAllocated } from './resize/allocation.ts';
import { initialPodState, step } from './pod-worker.ts';
import { type AttemptCount, Prober } from './probes/prober.ts';
import type { StatusSink } from './status-writer.ts';
import { PrepareError } from './hooks/prepare-error.ts';
import { unhealthyText } from './worker/absorb-probe.ts';
import { containerOf, fieldPathOf } from './worker/pod-spec.ts';
import type { PodEffect, PodInput, PodState, PodWorkerContext } from './worker/state.ts';

export interface PodRunnerDeps {
  cri: Cri;
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  operations: PodOperations;
  statusWriter: StatusSink;
  hostIps: readonly string[];
  devicesOf?: PodWorkerContext['devicesOf'] | undefined;
  /** The pod is finished and nothing will come of it any more. */
  finished(uid: string): void;
  /** Which containers and sandboxes are this pod's: task events are told by id. */
  owns(uid: string, id: string): void;
}

/** After a failure without a time of its own, a start is tried again after this long. */
const startRetryMs = 10_000;

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Feeds one pod's worker and does what it asks for. All decisions are the worker's. */
export class PodRunner {
  readonly #deps: PodRunnerDeps;
  readonly #inputs: PodInput[] = [];
  readonly #starts = new Map<string, AbortController>();
  #preparation = new AbortController();
  readonly #prober: Prober;
  readonly #operationListeners = new Set<() => void>();
  #state: PodState;
  #isStepping = false;
  #isStopped = false;
  #operations = 0;
  #changes = 0;
  #cancelTimer: () => void = () => {};

  constructor(deps: PodRunnerDeps, { pod, isGoneFromApi }: { pod: Pod; isGoneFromApi: boolean }) {
    this.#deps = deps;
    this.#state = { ...initialPodState(pod, deps.clock.now()), isGoneFromApi };
    this.#prober = new Prober(
      { runtime: deps.cri.runtime, clock: deps.clock },
      {
        verdict: (target, probe, { isSuccess, output: message }) =>
          this.feed({
            type: 'probe',
            container: target.container.name,
            id: target.containerId,
            probe,
            isSuccess,
            message,
          }),
        failure: (target, probe, output) =>
          this.#say('Warning', 'Unhealthy', unhealthyText(probe, output), target.container.name),
      },
    );
  }

  get state(): PodState {
    return this.#state;
  }

  /**
   * A number that changes with everything that happens to the pod, undefined while something is under way: what was read
   * from the runtime counts only if this was the same before and after.
   */
  get quietMark(): number | undefined {
    return this.#operations === 0 ? this.#changes : undefined;
  }

  /** How the pod's probes have gone so far. */
  get probeCounts(): AttemptCount[] {
    return this.#prober.counts();
  }

  feed(input: PodInput): void {
    if (this.#isStopped) return;
    this.#inputs.push(input);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) this.#step(next);
    } finally {
      this.#isStepping = false;
    }
  }

  /** Lets go of the pod: no input, timer or probe any more. Containers stay as they are. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#prober.stop();
    const aborts = [this.#preparation, ...this.#starts.values()];
    for (const abort of aborts) abort.abort(new Error('the node agent stops'));
  }

  /** Resolves when nothing that this runner began is under way any more. */
  settled(): Promise<void> {
    if (this.#operations === 0) return Promise.resolve();
    return new Promise((resolve) => this.#operationListeners.add(resolve));
  }

  #step(input: PodInput): void {
    const { log } = this.#deps;
    this.#changes++;
    const before = this.#state.stage;
    const { state, effects } = step(this.#state, input, this.#context());
    this.#state = state;
    log.debug(
      { pod: state.pod.metadata.name, input: input.type, effects: effects.map(({ type }) => type) },
      'pod step',
    );
    for (const effect of effects) this.#run(effect);
    this.#syncProbes();
    if (state.stage === 'finished' && before !== 'finished') {
      this.stop();
      this.#deps.finished(state.pod.metadata.uid ?? '');
    }
  }

  #context(): PodWorkerContext {
    const { clock, hostIps, devicesOf, operations } = this.#deps;
    const mountsReadOnlyRecursively = (handler: string | undefined) => operations.mountsReadOnlyRecursively(handler);
    return { nowMs: clock.now(), hostIps, devicesOf, mountsReadOnlyRecursively };
  }

  #run(effect: PodEffect): void {
    const { operations, statusWriter } = this.#deps;
    const { pod } = this.#state;
    switch (effect.type) {
      case 'prepare':
        return this.#prepare();
      case 'cancelPrepare':
        return this.#preparation.abort(new Error('the pod is being stopped'));
      case 'runSandbox':
        return this.#runSandbox(effect.attempt);
      case 'startContainer':
        return this.#startContainer(effect.container, effect.attempt);
      case 'cancelStart':
        return this.#starts.get(effect.container)?.abort(new Error('the pod is being stopped'));
      case 'postStart':
        return this.#postStart(effect.container, effect.id);
      case 'stopContainer':
        return this.#stopContainer(effect);
      case 'resize':
        return this.#resize(effect);
      case 'stopSandbox':
        return this.#do(
          async () => {
            await operations.stopSandbox(effect.id);
            return { type: 'sandboxStopped', id: effect.id };
          },
          (message) => ({ type: 'failed', operation: 'stopSandbox', message }),
        );
      case 'removeSandbox':
        return this.#do(async () => {
          await operations.removeSandbox(effect.id);
          return undefined;
        });
      case 'removeContainer':
        return this.#do(async () => {
          await operations.removeContainer(pod, { id: effect.id, name: effect.container, attempt: effect.attempt });
          return undefined;
        });
      case 'teardown':
        return this.#do(
          async () => {
            await operations.teardown(pod);
            return { type: 'tornDown' };
          },
          (message) => ({ type: 'failed', operation: 'teardown', message }),
        );
      case 'remove':
        return this.#do(
          async () => {
            await operations.remove(pod, effect.sandboxes);
            return { type: 'removed' };
          },
          (message) => ({ type: 'failed', operation: 'remove', message }),
        );
      case 'updateStatus':
        return statusWriter.write(pod, effect.status);
      case 'deletePod':
        return statusWriter.delete(pod);
      case 'event':
        return this.#record(effect);
      case 'setTimer':
        return this.#setTimer(effect.atMs);
    }
  }

  /** Runs an operation; its result or failure comes back as an input. */
  #do(operation: () => Promise<PodInput | undefined>, onFailure?: (message: string, error: unknown) => PodInput): void {
    this.#operations++;
    operation()
      .catch((error: unknown) => {
        this.#deps.log.warn({ pod: this.#state.pod.metadata.name, error: text(error) }, 'pod operation failed');
        return onFailure?.(text(error), error);
      })
      .then((input) => {
        this.#operations--;
        this.#changes++;
        if (input) this.feed(input);
        if (this.#operations > 0) return;
        for (const listener of this.#operationListeners) listener();
        this.#operationListeners.clear();
      })
      .catch((error: unknown) =>
        this.#deps.log.error({ pod: this.#state.pod.metadata.name, error: text(error) }, 'pod step failed'),
      );
  }

  #prepare(): void {
    this.#preparation = new AbortController();
    const { signal } = this.#preparation;
    this.#do(
      async () => {
        await this.#deps.operations.prepare(this.#promised(), signal);
        return { type: 'prepared' };
      },
      (message, error) => {
        const reason = error instanceof PrepareError ? error.reason : 'FailedMount';
        return { type: 'prepareFailed', message, reason, isCancelled: signal.aborted };
      },
    );
  }

  /** The pod with what the node has promised it, which may be less than it asks for. */
  #promised(): Pod {
    return withAllocated(this.#state.pod, this.#state.applied);
  }

  #resize({ containers, from, to }: Extract<PodEffect, { type: 'resize' }>): void {
    const { operations } = this.#deps;
    const { pod } = this.#state;
    const done = { type: 'resized' as const, containers, resources: to };
    this.#do(
      async () => {
        await operations.resize(withAllocated(pod, from), withAllocated(pod, to), containers);
        return done;
      },
      (error) => ({ ...done, error }),
    );
  }

  #runSandbox(attempt: number): void {
    const { operations, owns } = this.#deps;
    const pod = this.#promised();
    this.#do(
      async () => {
        const sandbox = await operations.runSandbox(pod, attempt);
        owns(pod.metadata.uid ?? '', sandbox.id);
        return { type: 'sandboxReady', sandbox };
      },
      (message) => ({ type: 'sandboxFailed', message }),
    );
  }

  #startContainer(name: string, attempt: number): void {
    const { operations, clock, owns } = this.#deps;
    const { sandbox, containers, round } = this.#state;
    const pod = this.#promised();
    if (!sandbox)
      return this.feed({ type: 'startFailed', container: name, reason: 'CreatePodSandboxError', message: '' });
    const abort = new AbortController();
    this.#starts.set(name, abort);
    const container = containerOf(pod, name);
    const target = container && 'targetContainerName' in container ? container.targetContainerName : undefined;
    this.#do(async () => {
      try {
        const id = await operations.startContainer(pod, {
          name,
          attempt,
          round,
          sandbox,
          targetId: target ? containers[target]?.current?.id : undefined,
          signal: abort.signal,
          say: (type, reason, message) => this.#say(type, reason, message, name),
          created: (created) => {
            owns(pod.metadata.uid ?? '', created.id);
            this.feed({ type: 'created', container: created });
          },
        });
        return { type: 'started', container: name, id, atMs: clock.now() };
      } catch (error) {
        return this.#startFailure(name, error);
      } finally {
        this.#starts.delete(name);
      }
    });
  }

  #startFailure(name: string, error: unknown): PodInput {
    const message = text(error);
    const { clock, log } = this.#deps;
    const retryAtMs = clock.now() + startRetryMs;
    const failed = { type: 'startFailed' as const, container: name, message, retryAtMs };
    if (this.#starts.get(name)?.signal.aborted) return { ...failed, reason: 'ContainerCreating', message: '' };
    if (error instanceof ImageError) {
      if (error.reason !== 'ErrImagePull') this.#say('Warning', 'Failed', `Error: ${error.reason}`, name);
      return { ...failed, reason: error.reason, retryAtMs: error.retryAtMs };
    }
    this.#say('Warning', 'Failed', `Error: ${message}`, name);
    if (error instanceof ConfigError) {
      const { pod } = this.#state;
      // More than the status may say.
      if (error.cause) log.warn({ pod: pod.metadata.name, container: name, error: text(error.cause) }, message);
      return { ...failed, reason: error.reason };
    }
    if (error instanceof StartError)
      return { ...failed, reason: 'RunContainerError', retryAtMs: 0, id: error.containerId };
    return { ...failed, reason: error instanceof CreateError ? 'CreateContainerError' : 'CreateContainerConfigError' };
  }

  #postStart(name: string, id: string): void {
    const { pod } = this.#state;
    this.#do(
      async () => {
        await this.#deps.operations.postStart(pod, name, { id, podIp: this.#podIp() });
        return { type: 'postStartDone', container: name, id };
      },
      (error) => ({ type: 'postStartDone', container: name, id, error }),
    );
  }

  #stopContainer({
    container: name,
    id,
    graceSeconds,
    runPreStop,
  }: Extract<PodEffect, { type: 'stopContainer' }>): void {
    const { operations, clock } = this.#deps;
    const { pod } = this.#state;
    const say = (type: EventType, reason: string, message: string) => this.#say(type, reason, message, name);
    // Not limited: a stop mostly waits, and pods that end must not wait for pods that start.
    this.#do(
      async () => {
        const ended = await operations.stopContainer(pod, name, {
          id,
          graceSeconds,
          runPreStop,
          podIp: this.#podIp(),
          say,
        });
        const gone = { exitCode: 137, atMs: clock.now(), reason: 'ContainerStatusUnknown', message: '' };
        const { exitCode, finishedAtMs, reason, message } = ended ?? { ...gone, finishedAtMs: gone.atMs };
        if (ended?.state === 'running') throw new Error('the container still runs');
        this.feed({
          type: 'exited',
          id,
          exitCode,
          atMs: finishedAtMs || clock.now(),
          reason: reason || undefined,
          message,
        });
        return { type: 'stopped', container: name, id };
      },
      (error) => ({ type: 'stopped', container: name, id, error }),
    );
  }

  #podIp(): string {
    const { pod, sandbox } = this.#state;
    return (pod.spec.hostNetwork ? this.#deps.hostIps[0] : sandbox?.ips[0]) ?? '';
  }

  #setTimer(atMs: number): void {
    this.#cancelTimer();
    if (atMs > 0)
      this.#cancelTimer = this.#deps.clock.after(atMs - this.#deps.clock.now(), () => this.feed({ type: 'tick' }));
  }

  /** Probes follow the containers that run; a pod that ends is only asked whether it still wants traffic. */
  #syncProbes(): void {
    const { pod, stage, containers } = this.#state;
    if (stage === 'terminated' || stage === 'finished' || this.#isStopped) return this.#prober.stop();
    const targets = Object.values(containers).flatMap((work) => {
      const container = containerOf(pod, work.name) as Container | undefined;
      if (!container || work.role === 'init' || work.role === 'ephemeral') return [];
      if (work.current?.state !== 'running' || work.postStart !== 'done' || work.stopping) return [];
      const { id: containerId, startedAtMs } = work.current;
      const isStarted = work.startupPassed || !container.startupProbe;
      const wasReady = work.readinessPassed;
      return [{ container, containerId, startedAtMs, podIp: this.#podIp(), isStarted, wasReady }];
    });
    this.#prober.sync(targets, stage === 'terminating' ? ['readiness'] : undefined);
  }

  #say(type: EventType, reason: string, message: string, container: string): void {
    this.#record({ eventType: type, reason, message, container: fieldPathOf(this.#state.pod, container) });
  }

  #record({
    eventType,
    reason,
    message,
    container,
  }: {
    eventType: EventType;
    reason: string;
    message: string;
    container?: string;
  }): void {
    const { name, namespace, uid, resourceVersion } = this.#state.pod.metadata;
    const about: ObjectReference = { kind: 'Pod', apiVersion: 'v1', name, namespace, uid, resourceVersion };
    this.#deps.recorder.event(container ? { ...about, fieldPath: container } : about, eventType, reason, message);
  }
}
