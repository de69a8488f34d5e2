import { fieldPathOf, shouldRestart } from './pod-spec.ts';
import { isOfOldRound } from './rounds.ts';
import type { ContainerWork, PodEffect, PodState } from './state.ts';

/** A private copy of a pod's state for one step, with the effects it asks for. */
export class Draft {
  readonly state: PodState;
  readonly nowMs: number;
  readonly effects: PodEffect[] = [];
  #oldTimerAtMs: number;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(state: PodState, nowMs: number) {
    const containers = Object.fromEntries(Object.entries(state.containers).map(([name, work]) => [name, { ...work }]));
    const termination = state.termination && { ...state.termination };
    this.state = { ...state, containers, termination, oldSandboxes: [...state.oldSandboxes] };
    this.nowMs = nowMs;
    this.#oldTimerAtMs = state.timerAtMs;
  }

  works(): ContainerWork[] {
    return Object.values(this.state.containers);
  }

  work(name: string): ContainerWork {
    const work = this.state.containers[name];
    if (!work) throw new Error(`pod ${this.state.pod.metadata.uid} has no container ${name}`);
    return work;
  }

  /** The work whose current container has this id. */
  workById(id: string): ContainerWork | undefined {
    return this.works().find((work) => work.current?.id === id);
  }

  isToRestart(work: ContainerWork): boolean {
    const { current } = work;
    if (current?.state !== 'exited') return false;
    return isOfOldRound(this.state, work) || shouldRestart(this.state.pod, work.role, current);
  }

  event(eventType: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    const fieldPath = container ? { container: fieldPathOf(this.state.pod, container) } : {};
    this.effects.push({ type: 'event', eventType, reason, message, ...fieldPath });
  }

  /** Asks for another step at `atMs` or before. */
  wakeAt(atMs: number): void {
    this.#wakeAtMs = Math.min(this.#wakeAtMs, atMs);
  }

  /** True when `atMs` has come; else asks to be woken then. */
  isDue(atMs: number): boolean {
    if (atMs <= this.nowMs) return true;
    this.wakeAt(atMs);
    return false;
  }

  /** The timer has run out, be it a moment before its time by this clock: whatever is still to come needs another. */
  timerRanOut(): void {
    this.#oldTimerAtMs = 0;
  }

  setTimer(): void {
    const atMs = Number.isFinite(this.#wakeAtMs) ? this.#wakeAtMs : 0;
    this.state.timerAtMs = atMs;
    if (atMs !== this.#oldTimerAtMs || (atMs !== 0 && atMs <= this.nowMs))
      this.effects.push({ type: 'setTimer', atMs });
  }
}
