import type { ObjectReference, Pod } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { PodStorage } from '../usage/storage-reader.ts';
import type { PodState } from '../worker/state.ts';
import { evicted, lowText, resourceOf } from './messages.ts';
import { isDisk, noPressure, type PressureState, stepPressure } from './pressure.ts';
import { isCritical, type PodUse, ranked } from './rank.ts';
import { exceeded, hasStorageLimits } from './storage-limits.ts';
import {
  type Levels,
  type Pressure,
  type Signal,
  type Threshold,
  thresholdsOf,
  type EvictionConfig,
} from './thresholds.ts';

/** Why a pod has to go, and how soon. */
export interface Eviction {
  reason: string;
  message: string;
  graceSeconds: number;
}

export interface EvictorDeps {
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  /** The node, for its events. */
  about: ObjectReference;
  pods: { states(): PodState[]; evict(uid: string, eviction: Eviction): void };
  levels(): Promise<Levels>;
  /** Of every pod that runs; `signal`: what it is for (the disk is only measured when it matters). */
  uses(signal: Signal): Promise<PodUse[]>;
  storageOf(state: PodState): Promise<PodStorage>;
  /** Gives back what nobody needs on the disks: dead containers, images that are not used. */
  reclaimDisk(): Promise<void>;
  /** The node's conditions are others now. */
  changed(): void;
}

export interface EvictorOptions extends EvictionConfig {
  evictionPressureTransitionPeriod?: number;
  /** Seconds that a pod gets at most when a soft threshold is met. */
  evictionMaxPodGracePeriod?: number;
}

const transitionMs = 300_000;
/** A pod that has to go now gets this long. */
const immediateSeconds = 1;
/** After this long the next one goes, even when the last one has not ended. */
const patienceMs = 30_000;

/** Looks whether the node is short of something; gives back what it can, and lets pods go, one after another. */
export class Evictor {
  readonly #deps: EvictorDeps;
  readonly #options: EvictorOptions;
  readonly #thresholds: readonly Threshold[];
  #state: PressureState = noPressure;
  #pressures: ReadonlySet<Pressure> = new Set();
  /** What was met at the last look: said once. */
  #told: ReadonlySet<Signal> = new Set();
  #going: { uid: string; sinceMs: number } | undefined;

  /** Throws for thresholds that are none. */
  constructor(deps: EvictorDeps, options: EvictorOptions = {}) {
    this.#deps = deps;
    this.#options = options;
    this.#thresholds = thresholdsOf(options);
  }

  /** What the node is short of now. */
  get pressures(): ReadonlySet<Pressure> {
    return this.#pressures;
  }

  async check(): Promise<void> {
    await this.#checkLimits();
    let levels = await this.#deps.levels();
    let met = this.#step(levels);
    this.#tell(met);
    const [first] = met;
    if (first && isDisk(first.signal)) {
      await this.#deps.reclaimDisk();
      levels = await this.#deps.levels();
      met = this.#step(levels);
    }
    const [worst] = met;
    if (worst && !this.#isGoing()) await this.#evictOne(worst, levels);
  }

  #step(levels: Levels): readonly Threshold[] {
    const { clock, changed } = this.#deps;
    const { evictionPressureTransitionPeriod = transitionMs } = this.#options;
    const input = { levels, thresholds: this.#thresholds, nowMs: clock.now() };
    const verdict = stepPressure(this.#state, { ...input, transitionMs: evictionPressureTransitionPeriod });
    this.#state = verdict.state;
    const isSame =
      verdict.pressures.size === this.#pressures.size &&
      [...verdict.pressures].every((pressure) => this.#pressures.has(pressure));
    this.#pressures = verdict.pressures;
    if (!isSame) changed();
    return verdict.met;
  }

  #tell(met: readonly Threshold[]): void {
    const { recorder, about, log } = this.#deps;
    for (const { signal, text } of met) {
      if (this.#told.has(signal)) continue;
      log.warn({ signal, threshold: text }, 'the node is short of something');
      recorder.event(about, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resourceOf(signal)}`);
    }
    this.#told = new Set(met.map(({ signal }) => signal));
  }

  /** The last one has not given back yet what it had. */
  #isGoing(): boolean {
    const { pods, clock } = this.#deps;
    if (!this.#going || clock.now() - this.#going.sinceMs >= patienceMs) return false;
    const { uid } = this.#going;
    return pods.states().some(({ pod, stage }) => pod.metadata.uid === uid && stage === 'terminating');
  }

  async #evictOne(threshold: Threshold, levels: Levels): Promise<void> {
    const { pods, log, uses } = this.#deps;
    const active = new Set(pods.states().flatMap(({ pod, stage }) => (stage === 'syncing' ? [pod.metadata.uid] : [])));
    const all = (await uses(threshold.signal)).filter(({ pod }) => active.has(pod.metadata.uid));
    const [use] = ranked(all, threshold.signal);
    const level = levels[threshold.signal];
    if (!use || !level) return log.warn({ signal: threshold.signal }, 'no pod can go');
    this.#evict(use.pod, lowText(threshold, level, use), this.#graceOf(threshold, use.pod));
  }

  #graceOf({ graceMs }: Threshold, { spec }: Pod): number {
    if (graceMs === 0) return immediateSeconds;
    const most = this.#options.evictionMaxPodGracePeriod ?? 0;
    return Math.max(Math.min(most, spec.terminationGracePeriodSeconds ?? 30), immediateSeconds);
  }

  /** Pods that take more of the disk than they said they would. */
  async #checkLimits(): Promise<void> {
    const { pods, storageOf } = this.#deps;
    for (const state of pods.states()) {
      if (state.stage !== 'syncing' || isCritical(state.pod) || !hasStorageLimits(state.pod)) continue;
      const message = exceeded(state.pod, await storageOf(state));
      if (message) this.#evict(state.pod, message, immediateSeconds);
    }
  }

  #evict(pod: Pod, message: string, graceSeconds: number): void {
    const { pods, clock, log } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    log.warn({ pod: pod.metadata.name, namespace: pod.metadata.namespace, message }, 'pod is evicted');
    this.#going = { uid, sinceMs: clock.now() };
    pods.evict(uid, { reason: evicted, message, graceSeconds });
  }
}
