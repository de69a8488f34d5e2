import type { CgroupLimits } from '../config/resources.ts';
import type { Cgroups } from './cgroups.ts';
import type { CgroupUsage } from './usage.ts';

const nothing: CgroupUsage = {
  ...{ cpuNs: 0, cpuUserNs: 0, cpuSystemNs: 0, periods: 0, throttledPeriods: 0, throttledNs: 0 },
  ...{ memoryBytes: 0, workingSetBytes: 0, rssBytes: 0, cacheBytes: 0, mappedFileBytes: 0, swapBytes: 0 },
  ...{ pageFaults: 0, majorPageFaults: 0, memoryLimitHits: 0, pids: 0, stalls: {} },
};

/** What a group uses, of which a test only says what matters to it. */
export const fakeUsage = (usage: Partial<CgroupUsage> = {}): CgroupUsage => ({ ...nothing, ...usage });

/** Control groups in memory: limits are kept, use is what a test says. */
export class FakeCgroups implements Cgroups {
  readonly version = 2;
  readonly limits = new Map<string, CgroupLimits>();
  /** By path; a function is asked each time. */
  readonly uses = new Map<string, Partial<CgroupUsage> | (() => Partial<CgroupUsage>)>();

  async apply(path: string, limits: CgroupLimits): Promise<void> {
    this.limits.set(path, { ...this.limits.get(path), ...limits });
  }

  async remove(path: string): Promise<void> {
    for (const known of this.limits.keys())
      if (known === path || known.startsWith(`${path}/`)) this.limits.delete(known);
  }

  async children(path: string): Promise<string[]> {
    const below = [...this.limits.keys()].filter((known) => known.startsWith(`${path}/`));
    return [...new Set(below.map((known) => known.slice(path.length + 1).split('/')[0] as string))];
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const use = this.uses.get(path);
    return use && fakeUsage(typeof use === 'function' ? use() : use);
  }

  async processes(): Promise<number[]> {
    return [];
  }
}
