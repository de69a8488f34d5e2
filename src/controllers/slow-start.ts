/**
 * Calls `work` `count` times in batches of 1, 2, 4, …, and stops after the first batch with a failure, which it throws:
 * what cannot work (a full quota) is found out with one call, not with hundreds.
 */
export async function slowStart(count: number, work: () => Promise<void>): Promise<void> {
  for (let size = 1, left = count; left > 0; size *= 2) {
    const batch = Math.min(size, left);
    const results = await Promise.allSettled(Array.from({ length: batch }, work));
    const failed = results.find((r) => r.status === 'rejected');
    if (failed) throw failed.reason;
    left -= batch;
  }
}
