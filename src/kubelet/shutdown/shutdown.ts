import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Eviction } from '../eviction/evictor.ts';
import type { PodState } from '../worker/state.ts';
import { graceSecondsOf, type ShutdownPeriods, type ShutdownStep, shutdownSteps } from './shutdown-plan.ts';

export interface ShutdownDeps {
  clock: Clock;
  log: Logger;
  pods: { states(): PodState[]; evict(uid: string, eviction: Eviction): void };
  /** The node is not ready any more, or is again. */
  changed(): void;
}

/** What a pod is told, and the node until it is over. */
export const shutdownEviction = {
  reason: 'Terminated',
  message: 'Pod was terminated in response to imminent node shutdown.',
};
export const shutdownNodeMessage = 'node is shutting down';

const lookMs = 100;

/** Ends the pods of a machine that goes down, in order, within the time that there is. */
export class Shutdown {
  readonly #deps: ShutdownDeps;
  readonly #periods: ShutdownPeriods;
  #isUnderWay = false;

  constructor(deps: ShutdownDeps, periods: ShutdownPeriods) {
    this.#deps = deps;
    this.#periods = periods;
  }

  /** From the word that the machine goes down until it is taken back: no pod is taken meanwhile. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** Resolves when all pods have ended, or their time is over. */
  async begin(): Promise<void> {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    const { log, pods, changed } = this.#deps;
    log.warn({}, 'the machine goes down: pods are ended');
    changed();
    const all = pods.states().flatMap(({ pod, stage }) => (stage === 'syncing' ? [pod] : []));
    for (const step of shutdownSteps(all, this.#periods)) if (this.#isUnderWay) await this.#end(step);
  }

  /** The machine stays after all. */
  cancel(): void {
    if (!this.#isUnderWay) return;
    this.#isUnderWay = false;
    this.#deps.changed();
  }

  async #end({ pods: ending, periodMs }: ShutdownStep): Promise<void> {
    const { clock, pods } = this.#deps;
    const uids = new Set(ending.map(({ metadata }) => metadata.uid));
    for (const pod of ending) {
      const graceSeconds = graceSecondsOf(pod, periodMs);
      pods.evict(pod.metadata.uid ?? '', { ...shutdownEviction, graceSeconds });
    }
    const untilMs = clock.now() + periodMs;
    const isEnding = ({ pod, stage }: PodState) => uids.has(pod.metadata.uid) && stage === 'terminating';
    while (this.#isUnderWay && clock.now() < untilMs && pods.states().some(isEnding)) await sleep(clock, lookMs);
  }
}
