/** Exponential back-off without state: the delay before attempt `failures` (1 = after the first failure). */
export function backoffMs(failures: number, options: { baseMs: number; maxMs: number }): number {
  return Math.min(options.baseMs * 2 ** Math.max(failures - 1, 0), options.maxMs);
}
