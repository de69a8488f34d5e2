import type { RuntimeService } from '../../api/generated/cri.ts';
import type { Container, Probe } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { ProbeKind } from '../worker/state.ts';
import { type AttemptResult, attemptProbe, type ProbeTarget } from './attempt.ts';
import { initialProbe, type ProbeInput, type ProbeState, stepProbe } from './probe-machine.ts';

export interface ProbedContainer extends ProbeTarget {
  startedAtMs: number;
  /** Its startup probe has passed, or it has none. */
  isStarted: boolean;
  /** What a restarted agent knows of its readiness. */
  wasReady: boolean;
}

export interface ProbeSink {
  verdict(target: ProbeTarget, kind: ProbeKind, result: AttemptResult): void;
  /** Each failed attempt, for an event. */
  failure(target: ProbeTarget, kind: ProbeKind, output: string): void;
}

interface Running {
  target: ProbedContainer;
  kind: ProbeKind;
  probe: Probe;
  state: ProbeState;
  cancelTimer(): void;
}

export interface AttemptCount {
  container: string;
  kind: ProbeKind;
  successful: number;
  failed: number;
}

const probeOf = (container: Container, kind: ProbeKind): Probe | undefined =>
  ({ startup: container.startupProbe, liveness: container.livenessProbe, readiness: container.readinessProbe })[kind];

/** The probes of one pod's running containers. Liveness and readiness begin when the startup probe has passed. */
export class Prober {
  readonly #deps: { runtime: RuntimeService; clock: Clock };
  readonly #sink: ProbeSink;
  readonly #running = new Map<string, Running>();
  /** Attempts by container and kind; as many as the pod has probes. */
  readonly #counts = new Map<string, AttemptCount>();

  constructor(deps: { runtime: RuntimeService; clock: Clock }, sink: ProbeSink) {
    this.#deps = deps;
    this.#sink = sink;
  }

  /** Makes the set of probes fit these containers; probes of the same container id go on undisturbed. */
  sync(targets: readonly ProbedContainer[], kinds: readonly ProbeKind[] = ['startup', 'liveness', 'readiness']): void {
    const wanted = new Map<string, { target: ProbedContainer; kind: ProbeKind; probe: Probe }>();
    for (const target of targets) {
      for (const kind of kinds) {
        const probe = probeOf(target.container, kind);
        if (probe && (kind === 'startup') !== target.isStarted)
          wanted.set(`${target.containerId}/${kind}`, { target, kind, probe });
      }
    }
    for (const [key, running] of this.#running) {
      if (wanted.has(key)) continue;
      running.cancelTimer();
      this.#running.delete(key);
    }
    for (const [key, { target, kind, probe }] of wanted)
      if (!this.#running.has(key)) this.#start(key, { target, kind, probe });
  }

  stop(): void {
    this.sync([]);
  }

  /** How the attempts have gone so far. */
  counts(): AttemptCount[] {
    return [...this.#counts.values()];
  }

  #count(container: string, kind: ProbeKind, isSuccess: boolean): void {
    const key = `${container}/${kind}`;
    const count = this.#counts.get(key) ?? { container, kind, successful: 0, failed: 0 };
    count[isSuccess ? 'successful' : 'failed']++;
    this.#counts.set(key, count);
  }

  #start(key: string, { target, kind, probe }: { target: ProbedContainer; kind: ProbeKind; probe: Probe }): void {
    const state = initialProbe(kind, probe, target.startedAtMs);
    if (kind === 'readiness' && target.wasReady) state.verdict = true;
    const running: Running = { target, kind, probe, state, cancelTimer: () => {} };
    this.#running.set(key, running);
    this.#feed(key, running, { type: 'tick' });
  }

  #feed(key: string, running: Running, input: ProbeInput): void {
    // Stopped while an attempt was under way.
    if (this.#running.get(key) !== running) return;
    const { clock } = this.#deps;
    const { state, attempt } = stepProbe(running.state, input, { probe: running.probe, nowMs: clock.now() });
    running.state = state;
    running.cancelTimer();
    if (attempt) void this.#attempt(key, running);
    if (state.isOver || state.isRunning) return;
    running.cancelTimer = clock.after(state.nextAtMs - clock.now(), () => this.#feed(key, running, { type: 'tick' }));
  }

  async #attempt(key: string, running: Running): Promise<void> {
    const { target, kind, probe } = running;
    const result = await attemptProbe(probe, target, this.#deps);
    if (this.#running.get(key) !== running) return;
    this.#count(target.container.name, kind, result.isSuccess);
    if (!result.isSuccess) this.#sink.failure(target, kind, result.output);
    const before = running.state.verdict;
    this.#feed(key, running, { type: 'result', isSuccess: result.isSuccess });
    const { verdict } = running.state;
    if (verdict !== undefined && verdict !== before)
      this.#sink.verdict(target, kind, { ...result, isSuccess: verdict });
  }
}
