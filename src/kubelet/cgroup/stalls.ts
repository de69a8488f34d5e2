/** For how long tasks waited, in microseconds as the kernel counts, and in which share of the last 10, 60 and 300 seconds (percent). */
interface Stall {
  total: number;
  avg10: number;
  avg60: number;
  avg300: number;
}

/** Some of the tasks waited, or all that had something to do. */
export interface Stalls {
  full: Stall;
  some: Stall;
}

export const stallResources = ['cpu', 'memory', 'io'] as const;

/** What tasks waited for; nothing where the kernel does not tell: of cgroup v1, or without its pressure stall information. */
export type StallsOf = Partial<Record<(typeof stallResources)[number], Stalls>>;

const none: Stall = { total: 0, avg10: 0, avg60: 0, avg300: 0 };

/** From the text of a `*.pressure` file, or of one in /proc/pressure (accounting/psi). */
function stallsIn(text: string): Stalls | undefined {
  const line = (kind: string): Stall | undefined => {
    const found = new RegExp(`^${kind} avg10=(\\S+) avg60=(\\S+) avg300=(\\S+) total=(\\d+)`, 'm').exec(text);
    if (!found) return undefined;
    const [avg10 = 0, avg60 = 0, avg300 = 0, total = 0] = found.slice(1).map(Number);
    return { total, avg10, avg60, avg300 };
  };
  const some = line('some');
  // Of processors, older kernels tell only that.
  return some && { full: line('full') ?? none, some };
}

/** From the texts of the kernel's files, in the order of `stallResources`; empty where there is none. */
export const stallsOf = (texts: readonly string[]): StallsOf =>
  Object.fromEntries(
    stallResources.flatMap((name, i) => {
      const stalls = stallsIn(texts[i] ?? '');
      return stalls ? [[name, stalls]] : [];
    }),
  );
