import { stopwatch } from '../base/clock.ts';

/** Points of the framework that take time. */
export type TimedPoint =
  | 'PreFilter'
  | 'Filter'
  | 'PostFilter'
  | 'Score'
  | 'Reserve'
  | 'PreBindPreFlight'
  | 'PreBind'
  | 'Permit'
  | 'Bind';

export type PointStatus = 'Success' | 'Unschedulable' | 'Skip' | 'Error';

/** Is told how long a step took, in seconds, and how it ended. */
export type PointTimer = (point: TimedPoint, status: PointStatus, seconds: number) => void;

/** Runs a step, with its time taken when there is a timer. */
export function timed<T>(
  timer: PointTimer | undefined,
  point: TimedPoint,
  run: () => T,
  statusOf: (result: T) => PointStatus = () => 'Success',
): T {
  if (!timer) return run();
  const seconds = stopwatch();
  try {
    const result = run();
    timer(point, statusOf(result), seconds());
    return result;
  } catch (error) {
    timer(point, 'Error', seconds());
    throw error;
  }
}

/** The same for a step that writes or waits. */
export async function timedWait(
  timer: PointTimer | undefined,
  point: TimedPoint,
  run: () => Promise<void> | undefined,
): Promise<void> {
  const seconds = timer && stopwatch();
  try {
    await run();
  } catch (error) {
    timer?.(point, 'Error', seconds?.() ?? 0);
    throw error;
  }
  timer?.(point, 'Success', seconds?.() ?? 0);
}
