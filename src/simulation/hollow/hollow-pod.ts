import type { Container, ObjectReference, Pod } from '../../api/generated/types.ts';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { durationMs } from '../../base/duration.ts';
import type { Rng } from '../../base/rng.ts';
import type { EventRecorder, EventType } from '../../client/event-recorder.ts';
import { advance, initialPodState, report } from '../../kubelet/pod-worker.ts';
import type { StatusWriter } from '../../kubelet/status-writer.ts';
import { type AnyContainer, containersOf, fieldPathOf, specHash } from '../../kubelet/worker/pod-spec.ts';
import type { ContainerRole, PodEffect, PodInput, PodState } from '../../kubelet/worker/state.ts';
import { type Behaviour, type Span } from './behaviour.ts';
import { chooseBehaviour } from './choose-behaviour.ts';

export interface HollowPodDeps {
  clock: Clock;
  rng: Rng;
  recorder: EventRecorder;
  statusWriter: StatusWriter;
  behaviours: readonly Behaviour[];
  hostIps: readonly string[];
  /** An address for a new sandbox; a promise while the node has no network yet, which rejects if it still has none. */
  giveIp(): string | Promise<string>;
  /** Nothing of the pod is left. */
  finished(uid: string): void;
}

interface Role {
  container: AnyContainer;
  role: ContainerRole;
  behaviour: Behaviour;
}

const pullBackOff = { baseMs: 10_000, maxMs: 300_000 };

/**
 * A pod without containers: the kubelet's own pod worker decides, and what it asks for is answered by the behaviours
 * instead of a runtime. So restarts, back-off, probes, grace periods and statuses are the real kubelet's.
 */
export class HollowPod {
  readonly #deps: HollowPodDeps;
  readonly #inputs: PodInput[] = [];
  readonly #roles = new Map<string, Role>();
  readonly #timers = new Map<string, () => void>();
  readonly #failed = new Map<string, number>();
  #state: PodState;
  #isStepping = false;
  #isStopped = false;

  /** `state`: what was left by an agent before this one. */
  constructor(deps: HollowPodDeps, pod: Pod, state?: PodState) {
    this.#deps = deps;
    const seen = this.#withProbes(pod);
    this.#state = state ? { ...state, pod: seen } : initialPodState(seen, deps.clock.now());
  }

  get state(): PodState {
    return this.#state;
  }

  feed(input: PodInput): void {
    if (this.#isStopped) return;
    this.#inputs.push(input.type === 'pod' ? { type: 'pod', pod: this.#withProbes(input.pod) } : input);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) this.#step(next);
      // What happens at one moment is told once.
      if (this.#state.stage === 'syncing') this.#report();
    } finally {
      this.#isStepping = false;
    }
  }

  /**
   * What an agent before this one left goes on: what was under way is begun again, what runs gets its timers. `pod`: what the
   * API has, which is all that the new agent knows of what the old one said.
   */
  resume(pod = this.#state.pod): void {
    this.#state = { ...this.#state, pod: this.#withProbes(pod), status: pod.status ?? {} };
    const { sandboxBusy, nextSandboxAttempt, stage, containers } = this.#state;
    if (sandboxBusy && stage === 'syncing') this.#runSandbox(nextSandboxAttempt);
    for (const { name, current, isStarting, stopping } of Object.values(containers)) {
      if (isStarting) this.feed({ type: 'startFailed', container: name, reason: 'ContainerCreating', message: '' });
      if (current?.state === 'running') this.#live(name, current);
      if (stopping) this.#stopContainer({ container: name, ...stopping });
    }
    this.feed({ type: 'tick' });
  }

  /** The agent is gone: nothing happens any more. The state stays for the next one. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #step(input: PodInput): void {
    const { state, effects } = advance(this.#state, input, this.#context());
    const isEnd = state.stage === 'finished' && this.#state.stage !== 'finished';
    this.#state = state;
    // A pod that is going may have nothing to say any more a moment later.
    if (state.stage !== 'syncing') this.#report();
    for (const effect of effects) this.#answer(effect);
    if (!isEnd) return;
    this.stop();
    this.#deps.finished(state.pod.metadata.uid ?? '');
  }

  #report(): void {
    const { state, effects } = report(this.#state, this.#context());
    this.#state = state;
    for (const effect of effects) this.#answer(effect);
  }

  #context() {
    const { clock, hostIps } = this.#deps;
    return { nowMs: clock.now(), hostIps };
  }

  #answer(effect: PodEffect): void {
    const { statusWriter } = this.#deps;
    const { pod } = this.#state;
    switch (effect.type) {
      case 'prepare':
        return this.feed({ type: 'prepared' });
      case 'runSandbox':
        return this.#runSandbox(effect.attempt);
      case 'startContainer':
        return this.#pull(effect.container, effect.attempt);
      case 'cancelStart':
        this.#cancel(`start ${effect.container}`);
        return this.feed({
          type: 'startFailed',
          container: effect.container,
          reason: 'ContainerCreating',
          message: '',
        });
      case 'postStart':
        return this.feed({ type: 'postStartDone', container: effect.container, id: effect.id });
      case 'stopContainer':
        return this.#stopContainer(effect);
      case 'stopSandbox':
        return this.feed({ type: 'sandboxStopped', id: effect.id });
      case 'teardown':
        return this.feed({ type: 'tornDown' });
      case 'remove':
        return this.feed({ type: 'removed' });
      case 'updateStatus':
        return statusWriter.write(pod, effect.status);
      case 'deletePod':
        return statusWriter.delete(pod);
      case 'event':
        return this.#record(effect.eventType, effect.reason, effect.message, effect.container);
      case 'setTimer':
        this.#cancel('tick');
        if (effect.atMs > 0) this.#at('tick', effect.atMs - this.#deps.clock.now(), () => this.feed({ type: 'tick' }));
    }
  }

  #runSandbox(attempt: number): void {
    const { clock, giveIp } = this.#deps;
    const { pod } = this.#state;
    const id = `hollow-${pod.metadata.uid}-${attempt}`;
    const ready = (ips: string[]) =>
      this.feed({ type: 'sandboxReady', sandbox: { id, attempt, isReady: true, createdAtMs: clock.now(), ips } });
    if (pod.spec.hostNetwork) return ready([]);
    const ip = giveIp();
    if (typeof ip === 'string') return ready([ip]);
    void ip.then(
      (later) => ready([later]),
      (error: unknown) =>
        this.feed({ type: 'sandboxFailed', message: error instanceof Error ? error.message : String(error) }),
    );
  }

  #pull(name: string, attempt: number): void {
    const { behaviour, container } = this.#role(name);
    const { takes = 0, fails = 0, message = 'not found' } = behaviour.pull ?? {};
    if (behaviour.pull) this.#say('Normal', 'Pulling', `Pulling image "${container.image}"`, name);
    this.#in(`start ${name}`, takes, () => {
      if (this.#isToFail(`pull ${name}`, fails)) return this.#pullFailed(name, message);
      const text = behaviour.pull ? 'Successfully pulled image' : 'Container image';
      const rest = behaviour.pull ? '' : ' already present on machine and can be accessed by the pod';
      this.#say('Normal', 'Pulled', `${text} "${container.image}"${rest}`, name);
      this.#in(`start ${name}`, behaviour.start?.takes ?? 0, () => this.#start(name, attempt));
    });
  }

  #pullFailed(name: string, why: string): void {
    const { image } = this.#role(name).container;
    const message = `failed to pull and unpack image "${image}": ${why}`;
    this.#say('Warning', 'Failed', `Failed to pull image "${image}": ${message}`, name);
    this.#say('Warning', 'Failed', 'Error: ErrImagePull', name);
    const retryAtMs = this.#deps.clock.now() + backoffMs(this.#failed.get(`pull ${name}`) ?? 1, pullBackOff);
    this.feed({ type: 'startFailed', container: name, reason: 'ErrImagePull', message, retryAtMs });
    const backOff = `Back-off pulling image "${image}": ErrImagePull: ${message}`;
    // As the kubelet does a second later: the same wait under its own name.
    this.#in(`start ${name}`, Math.min(1000, retryAtMs - this.#deps.clock.now()), () => {
      this.#say('Normal', 'BackOff', `Back-off pulling image "${image}"`, name);
      this.feed({ type: 'startFailed', container: name, reason: 'ImagePullBackOff', message: backOff, retryAtMs });
    });
  }

  #start(name: string, attempt: number): void {
    const { clock } = this.#deps;
    const { container, behaviour } = this.#role(name);
    const { pod, sandbox, round } = this.#state;
    const id = `hollow-${pod.metadata.uid}-${name}-${attempt}`;
    const nowMs = clock.now();
    this.feed({
      type: 'created',
      container: {
        id,
        name,
        attempt,
        sandboxId: sandbox?.id ?? '',
        state: 'created',
        createdAtMs: nowMs,
        startedAtMs: 0,
        finishedAtMs: 0,
        exitCode: 0,
        reason: '',
        message: '',
        image: container.image ?? '',
        imageId: `hollow://${container.image}`,
        specHash: specHash(container),
        round,
      },
    });
    const { fails = 0, message = 'exec: not found' } = behaviour.start ?? {};
    if (this.#isToFail(`start ${name}`, fails)) {
      this.#say('Warning', 'Failed', `Error: ${message}`, name);
      this.feed({ type: 'startFailed', container: name, reason: 'RunContainerError', message, retryAtMs: 0, id });
      return;
    }
    this.feed({ type: 'started', container: name, id, atMs: nowMs });
    this.#live(name, { id, attempt });
  }

  /** What a running container does by itself. `attempt`: how often it ran before. */
  #live(name: string, { id, attempt }: { id: string; attempt: number }): void {
    const { behaviour, container } = this.#role(name);
    const { startupProbe, livenessProbe } = container as Container;
    const { exit, unhealthy, startup } = behaviour;
    if (exit && attempt < (exit.times ?? Number.POSITIVE_INFINITY)) {
      const { oom: isOom = false, code = isOom ? 137 : 0, message } = exit;
      this.#in(`exit ${name}`, exit.after, () => this.#exit(name, { id, exitCode: code, isOom, message }));
    }
    const delay = (startupProbe?.initialDelaySeconds ?? 0) * 1000;
    if (!startupProbe) this.#becomeReady(name, id);
    else {
      this.#in(`startup ${name}`, startup ?? delay, () => {
        this.#probe(name, { id, probe: 'startup', isSuccess: true });
        this.#becomeReady(name, id);
      });
    }
    if (unhealthy && livenessProbe && attempt < (unhealthy.times ?? Number.POSITIVE_INFINITY)) {
      this.#in(`unhealthy ${name}`, unhealthy.after, () => {
        this.#say('Warning', 'Unhealthy', 'Liveness probe failed: hollow', name);
        this.#probe(name, { id, probe: 'liveness', isSuccess: false });
      });
    }
  }

  #becomeReady(name: string, id: string): void {
    const { behaviour, container } = this.#role(name);
    const probe = (container as Container).readinessProbe;
    const { ready = (probe?.initialDelaySeconds ?? 0) * 1000, flap } = behaviour;
    if (!probe || ready === false) return;
    this.#in(`ready ${name}`, ready, () => {
      this.#probe(name, { id, probe: 'readiness', isSuccess: true });
      if (flap) this.#flap(name, id, true);
    });
  }

  #flap(name: string, id: string, isUp: boolean): void {
    const { flap } = this.#role(name).behaviour;
    if (!flap) return;
    this.#in(`ready ${name}`, isUp ? flap.up : flap.down, () => {
      if (isUp) this.#say('Warning', 'Unhealthy', 'Readiness probe failed: hollow', name);
      this.#probe(name, { id, probe: 'readiness', isSuccess: !isUp });
      this.#flap(name, id, !isUp);
    });
  }

  #probe(
    name: string,
    { id, probe, isSuccess }: { id: string; probe: 'startup' | 'liveness' | 'readiness'; isSuccess: boolean },
  ): void {
    this.feed({ type: 'probe', container: name, id, probe, isSuccess, message: 'hollow' });
  }

  #exit(name: string, end: { id: string; exitCode: number; isOom?: boolean; message?: string }): void {
    for (const what of ['exit', 'startup', 'ready', 'unhealthy']) this.#cancel(`${what} ${name}`);
    this.feed({ type: 'exited', atMs: this.#deps.clock.now(), ...end });
  }

  #stopContainer({ container, id, graceSeconds }: { container: string; id: string; graceSeconds: number }): void {
    const { takes = 0, code = 0 } = this.#role(container).behaviour.stop ?? {};
    const takesMs = this.#pick(takes);
    const isKilled = takesMs > graceSeconds * 1000;
    this.#in(`stop ${container}`, Math.min(takesMs, graceSeconds * 1000), () => {
      this.#exit(container, { id, exitCode: isKilled ? 137 : code });
      this.feed({ type: 'stopped', container, id });
    });
  }

  /** True as often as the behaviour says, counted over the pod's life. */
  #isToFail(what: string, fails: number | 'always'): boolean {
    const failed = this.#failed.get(what) ?? 0;
    if (fails !== 'always' && failed >= fails) return false;
    this.#failed.set(what, failed + 1);
    return true;
  }

  #role(name: string): Role {
    const role = this.#roles.get(name);
    if (!role) throw new Error(`pod ${this.#state.pod.metadata.name} has no container ${name}`);
    return role;
  }

  /** A behaviour that says when a container is ready needs a probe to say it through. */
  #withProbes(pod: Pod): Pod {
    for (const { container, role } of containersOf(pod)) {
      const behaviour = chooseBehaviour(this.#deps.behaviours, pod, { container, role });
      this.#roles.set(container.name, { container: asProbed(container, behaviour), role, behaviour });
    }
    const probed = (container: Container) => (this.#roles.get(container.name) as Role).container as Container;
    if (![...this.#roles.values()].some(({ behaviour }) => behaviour.ready !== undefined || behaviour.flap)) return pod;
    return { ...pod, spec: { ...pod.spec, containers: pod.spec.containers.map(probed) } };
  }

  #pick(span: Span): number {
    if (typeof span !== 'object') return durationMs(span);
    const [from, to] = [durationMs(span.from), durationMs(span.to)];
    return Math.round(from + this.#deps.rng.next() * (to - from));
  }

  /** Runs after a span; at once if it is nothing. One timer for each `what`. */
  #in(what: string, span: Span, run: () => void): void {
    this.#cancel(what);
    const ms = this.#pick(span);
    if (ms <= 0) run();
    else this.#at(what, ms, run);
  }

  #at(what: string, ms: number, run: () => void): void {
    const cancel = this.#deps.clock.after(ms, () => {
      this.#timers.delete(what);
      run();
    });
    this.#timers.set(what, cancel);
  }

  #cancel(what: string): void {
    this.#timers.get(what)?.();
    this.#timers.delete(what);
  }

  #say(type: EventType, reason: string, message: string, name: string): void {
    this.#record(type, reason, message, fieldPathOf(this.#state.pod, name));
  }

  #record(type: EventType, reason: string, message: string, fieldPath?: string): void {
    const { name, namespace, uid, resourceVersion } = this.#state.pod.metadata;
    const about: ObjectReference = { kind: 'Pod', apiVersion: 'v1', name, namespace, uid, resourceVersion };
    this.#deps.recorder.event(fieldPath ? { ...about, fieldPath } : about, type, reason, message);
  }
}

const asProbed = (container: AnyContainer, { ready, flap }: Behaviour): AnyContainer =>
  (ready === undefined && !flap) || ('readinessProbe' in container && container.readinessProbe)
    ? container
    : { ...(container as Container), readinessProbe: { exec: { command: ['hollow'] } } };
