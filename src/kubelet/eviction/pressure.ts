import { amountOf, type Levels, type Pressure, pressureOf, type Signal, type Threshold } from './thresholds.ts';

/** What is remembered from one look to the next. */
export interface PressureState {
  /** Since when each threshold is met, by its place in the list. */
  metSinceMs: ReadonlyMap<number, number>;
  /** When each condition was last true. */
  lastTrueMs: ReadonlyMap<Pressure, number>;
}

export const noPressure: PressureState = { metSinceMs: new Map(), lastTrueMs: new Map() };

export interface PressureInput {
  levels: Levels;
  thresholds: readonly Threshold[];
  nowMs: number;
  /** So long a condition stays true after it was last so: a node must not flap. */
  transitionMs: number;
}

export interface PressureVerdict {
  state: PressureState;
  pressures: ReadonlySet<Pressure>;
  /** For which pods must go now, the most urgent first: memory before everything, hard before soft. */
  met: readonly Threshold[];
}

/** Which thresholds are met, for long enough, and which conditions follow. */
export function stepPressure(before: PressureState, input: PressureInput): PressureVerdict {
  const { levels, thresholds, nowMs, transitionMs } = input;
  const metSinceMs = new Map<number, number>();
  const lastTrueMs = new Map(before.lastTrueMs);
  const met: Threshold[] = [];
  for (const [i, threshold] of thresholds.entries()) {
    const sinceMs = before.metSinceMs.get(i);
    if (!isMet(threshold, levels, sinceMs !== undefined)) continue;
    metSinceMs.set(i, sinceMs ?? nowMs);
    if (nowMs - (sinceMs ?? nowMs) < threshold.graceMs) continue;
    met.push(threshold);
    lastTrueMs.set(pressureOf(threshold.signal), nowMs);
  }
  const pressures = new Set(
    [...lastTrueMs].filter(([, atMs]) => nowMs - atMs < transitionMs || atMs === nowMs).map(([name]) => name),
  );
  return { state: { metSinceMs, lastTrueMs }, pressures, met: met.sort((a, b) => urgency(a) - urgency(b)) };
}

/** One that was met before is over only when as much more is free as was asked for. */
function isMet({ signal, bound, reclaim }: Threshold, levels: Levels, wasMet: boolean): boolean {
  const level = levels[signal];
  if (!level) return false;
  const least = amountOf(bound, level.capacity) + (wasMet ? amountOf(reclaim, level.capacity) : 0);
  return level.available < least;
}

const urgency = ({ signal, graceMs }: Threshold): number =>
  (signal === 'memory.available' ? 0 : isDisk(signal) ? 2 : 4) + (graceMs > 0 ? 1 : 0);

export const isDisk = (signal: Signal): boolean => pressureOf(signal) === 'DiskPressure';
