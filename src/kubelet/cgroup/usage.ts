import { type StallsOf, stallsOf } from './stalls.ts';

/** What a control group uses now; counters run since the group was made. */
export interface CgroupUsage {
  /** Processor time, nanoseconds. */
  cpuNs: number;
  cpuUserNs: number;
  cpuSystemNs: number;
  /** Periods in which a quota held, in how many of them it was used up, and for how long the group then waited. */
  periods: number;
  throttledPeriods: number;
  throttledNs: number;
  /** Bytes, file pages that could be dropped included. */
  memoryBytes: number;
  /** Bytes that cannot be had back easily: without the file pages that nobody used lately. */
  workingSetBytes: number;
  rssBytes: number;
  cacheBytes: number;
  mappedFileBytes: number;
  swapBytes: number;
  pageFaults: number;
  majorPageFaults: number;
  /** How often the memory limit was hit. */
  memoryLimitHits: number;
  pids: number;
  stalls: StallsOf;
}

/** `name value` lines, as most of the kernel's statistics are. */
export type Figures = ReadonlyMap<string, number>;

export function figuresOf(text: string): Figures {
  const figures = new Map<string, number>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) figures.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return figures;
}

/** The kernel counts processor time of users and itself in hundredths of a second. */
const tickNs = 10_000_000;

/** Texts of a group's files; empty where there is none. */
export interface UsageFilesV1 {
  cpuacctUsage: string;
  cpuacctStat: string;
  cpuStat: string;
  memoryUsage: string;
  memoryStat: string;
  memoryFailcnt: string;
  pids: string;
}

/** cgroup v1 (admin-guide/cgroup-v1/memory, cpuacct): `total_` figures are with the groups below. */
export function usageV1(files: UsageFilesV1): CgroupUsage {
  const cpuacct = figuresOf(files.cpuacctStat);
  const cpu = figuresOf(files.cpuStat);
  const memory = figuresOf(files.memoryStat);
  const memoryBytes = Number(files.memoryUsage);
  return {
    cpuNs: Number(files.cpuacctUsage),
    cpuUserNs: (cpuacct.get('user') ?? 0) * tickNs,
    cpuSystemNs: (cpuacct.get('system') ?? 0) * tickNs,
    periods: cpu.get('nr_periods') ?? 0,
    throttledPeriods: cpu.get('nr_throttled') ?? 0,
    throttledNs: cpu.get('throttled_time') ?? 0,
    memoryBytes,
    workingSetBytes: Math.max(memoryBytes - (memory.get('total_inactive_file') ?? 0), 0),
    rssBytes: memory.get('total_rss') ?? 0,
    cacheBytes: memory.get('total_cache') ?? 0,
    mappedFileBytes: memory.get('total_mapped_file') ?? 0,
    swapBytes: memory.get('total_swap') ?? 0,
    pageFaults: memory.get('total_pgfault') ?? 0,
    majorPageFaults: memory.get('total_pgmajfault') ?? 0,
    memoryLimitHits: Number(files.memoryFailcnt),
    pids: Number(files.pids),
    stalls: {},
  };
}

export interface UsageFilesV2 {
  cpuStat: string;
  memoryCurrent: string;
  memoryStat: string;
  memorySwap: string;
  memoryEvents: string;
  pids: string;
  cpuPressure: string;
  memoryPressure: string;
  ioPressure: string;
}

/** cgroup v2 (admin-guide/cgroup-v2): all figures are with the groups below. */
export function usageV2(files: UsageFilesV2): CgroupUsage {
  const cpu = figuresOf(files.cpuStat);
  const memory = figuresOf(files.memoryStat);
  const memoryBytes = Number(files.memoryCurrent);
  const ns = (name: string) => (cpu.get(name) ?? 0) * 1000;
  return {
    cpuNs: ns('usage_usec'),
    cpuUserNs: ns('user_usec'),
    cpuSystemNs: ns('system_usec'),
    periods: cpu.get('nr_periods') ?? 0,
    throttledPeriods: cpu.get('nr_throttled') ?? 0,
    throttledNs: ns('throttled_usec'),
    memoryBytes,
    workingSetBytes: Math.max(memoryBytes - (memory.get('inactive_file') ?? 0), 0),
    rssBytes: memory.get('anon') ?? 0,
    cacheBytes: memory.get('file') ?? 0,
    mappedFileBytes: memory.get('file_mapped') ?? 0,
    swapBytes: Number(files.memorySwap),
    pageFaults: memory.get('pgfault') ?? 0,
    majorPageFaults: memory.get('pgmajfault') ?? 0,
    memoryLimitHits: figuresOf(files.memoryEvents).get('max') ?? 0,
    pids: Number(files.pids),
    stalls: stallsOf([files.cpuPressure, files.memoryPressure, files.ioPressure]),
  };
}
