import { wholeValue } from '../../api/meta/quantity.ts';

/** What must not run out, by upstream's names; each is what is still available. */
export const signals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
] as const;
export type Signal = (typeof signals)[number];

export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** Which condition of the node a signal makes true. */
export const pressureOf = (signal: Signal): Pressure =>
  signal === 'memory.available' ? 'MemoryPressure' : signal === 'pid.available' ? 'PIDPressure' : 'DiskPressure';

/** What is available, and of how much. */
export interface Level {
  available: number;
  capacity: number;
}
export type Levels = Partial<Record<Signal, Level>>;

/** An amount (bytes, inodes, processes) or a share of the capacity. */
export type Bound = { amount: number } | { share: number };

export interface Threshold {
  signal: Signal;
  /** Less than this is available: it is met. */
  bound: Bound;
  /** As it was written, for messages: `100Mi`, `10%`. */
  text: string;
  /** 0: hard. Else it counts only when it was met for so long. */
  graceMs: number;
  /** How much more must be had back before it is over. */
  reclaim: Bound;
}

/** The keys of a KubeletConfiguration that say when the node is under pressure. */
export interface EvictionConfig {
  evictionHard?: Record<string, string>;
  evictionSoft?: Record<string, string>;
  /** Go durations. */
  evictionSoftGracePeriod?: Record<string, number>;
  evictionMinimumReclaim?: Record<string, string>;
}

/** Upstream's, and one for processes. */
export const hardDefaults: Record<string, string> = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
  'pid.available': '10%',
};

/** Throws for what is no threshold, in words that name it. */
export function thresholdsOf(config: EvictionConfig): Threshold[] {
  const reclaims = config.evictionMinimumReclaim ?? {};
  const graces = config.evictionSoftGracePeriod ?? {};
  const one = (name: string, text: string, graceMs: number): Threshold[] => {
    const signal = signalOf(name);
    const bound = boundOf(name, text);
    // Nothing and everything: how upstream switches one off.
    if (('share' in bound && (bound.share === 0 || bound.share === 1)) || ('amount' in bound && bound.amount === 0))
      return [];
    return [{ signal, bound, text, graceMs, reclaim: boundOf(name, reclaims[name] ?? '0') }];
  };
  const soft = Object.entries(config.evictionSoft ?? {}).flatMap(([name, text]) => {
    const graceMs = graces[name];
    if (graceMs === undefined) throw new Error(`evictionSoftGracePeriod must name ${name}: evictionSoft does`);
    return one(name, text, graceMs);
  });
  const hard = Object.entries(config.evictionHard ?? hardDefaults).flatMap(([name, text]) => one(name, text, 0));
  return [...hard, ...soft];
}

function signalOf(name: string): Signal {
  const found = signals.find((signal) => signal === name);
  if (found) return found;
  throw new Error(`unknown eviction signal ${JSON.stringify(name)}: there are ${signals.join(', ')}`);
}

function boundOf(name: string, text: string): Bound {
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (percent === undefined) return { amount: wholeValue(text) };
  const share = Number(percent) / 100;
  if (share > 1) throw new Error(`eviction threshold ${name} must be at most 100%`);
  return { share };
}

export const amountOf = (bound: Bound, capacity: number): number =>
  'amount' in bound ? bound.amount : Math.floor(bound.share * capacity);
