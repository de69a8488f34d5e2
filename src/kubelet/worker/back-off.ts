import type { ContainerWork } from './state.ts';

const baseMs = 10_000;
const maxMs = 300_000;

/** The delay is forgotten when this much time passed since it was last raised. */
const resetMs = 2 * maxMs;

/**
 * Kubernetes' crash-loop back-off: the first restart is immediate, then 10 s doubling to 5 min, counted from the moment
 * the container ended. Answers when the container may start; a time not after `nowMs` means now.
 */
export function restartAtMs(work: ContainerWork): number {
  const endedAtMs = work.current?.finishedAtMs ?? 0;
  if (!work.backOff || endedAtMs - work.backOff.updatedAtMs > resetMs) return 0;
  return endedAtMs + work.backOff.delayMs;
}

/** The back-off after one more restart at `nowMs`. */
export function raised(work: ContainerWork, nowMs: number): { delayMs: number; updatedAtMs: number } {
  const old = work.backOff;
  const isOver = !old || nowMs - old.updatedAtMs > resetMs;
  return { delayMs: isOver ? baseMs : Math.min(old.delayMs * 2, maxMs), updatedAtMs: nowMs };
}

/** `10s`, `1m20s`: how Kubernetes writes the delay. */
export function delayText(delayMs: number): string {
  const seconds = Math.round(delayMs / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
