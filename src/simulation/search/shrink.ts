/**
 * The fewest items for which `fails` is still true, as far as leaving out runs of them leads: halves first, then smaller
 * runs, down to single items (delta debugging, Zeller 1999). `items` themselves must fail.
 */
export async function shrink<T>(items: readonly T[], fails: (fewer: T[]) => Promise<boolean>): Promise<T[]> {
  let least = [...items];
  for (let size = Math.ceil(least.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < least.length; ) {
      const fewer = [...least.slice(0, at), ...least.slice(at + size)];
      if (await fails(fewer)) least = fewer;
      else at += size;
    }
  }
  return least;
}
