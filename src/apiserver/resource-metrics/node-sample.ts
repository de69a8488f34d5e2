import type { Window } from '../../base/sample-window.ts';

/** Counters of one container, pod or node. */
export interface Counters {
  cpuSeconds: number;
  memoryBytes: number;
  /** Of a container; seconds since the epoch. */
  startSeconds?: number;
}

/** What a node's `/metrics/resource` says. */
export interface NodeSample {
  node?: Counters;
  /** By `namespace/pod`, then by container. */
  pods: Map<string, Map<string, Counters>>;
}

/** How much is used. */
export interface Usage {
  nanoCores: number;
  bytes: number;
}

const sampleLine = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)(?: \d+)?$/gm;
const labelPair = /([a-z_]+)="([^"]*)"/g;

const fields: Record<string, keyof Counters> = {
  node_cpu_usage_seconds_total: 'cpuSeconds',
  node_memory_working_set_bytes: 'memoryBytes',
  container_cpu_usage_seconds_total: 'cpuSeconds',
  container_memory_working_set_bytes: 'memoryBytes',
  container_start_time_seconds: 'startSeconds',
};

/** Names of pods and containers need no escapes, so none are undone. */
export function parseSample(text: string): NodeSample {
  const sample: NodeSample = { pods: new Map() };
  for (const [, name = '', labelText = '', value = ''] of text.matchAll(sampleLine)) {
    const field = fields[name];
    if (!field) continue;
    const into = name.startsWith('node_')
      ? (sample.node ??= { cpuSeconds: 0, memoryBytes: 0 })
      : containerIn(sample, Object.fromEntries([...labelText.matchAll(labelPair)].map(([, key, text]) => [key, text])));
    into[field] = Number(value);
  }
  return sample;
}

function containerIn({ pods }: NodeSample, labels: Record<string, string>): Counters {
  const key = `${labels.namespace}/${labels.pod}`;
  const containers = pods.get(key) ?? new Map<string, Counters>();
  pods.set(key, containers);
  const counters = containers.get(labels.container ?? '') ?? { cpuSeconds: 0, memoryBytes: 0 };
  containers.set(labels.container ?? '', counters);
  return counters;
}

export interface UsedInWindow {
  timestampMs: number;
  windowMs: number;
}

export interface NodeUsed extends UsedInWindow {
  usage: Usage;
}

export interface PodUsed extends UsedInWindow {
  containers: { name: string; usage: Usage }[];
}

/** The node's usage in the window. */
export function nodeUsed({ older, newer }: Window<NodeSample>): NodeUsed | undefined {
  const [now, before] = [newer.value.node, older.value.node];
  const windowMs = newer.atMs - older.atMs;
  if (!now || !before || windowMs <= 0 || now.cpuSeconds < before.cpuSeconds) return undefined;
  return { timestampMs: newer.atMs, windowMs, usage: usageOf(now, now.cpuSeconds - before.cpuSeconds, windowMs) };
}

/** A container that is younger than this says little of what it will need. */
const leastMs = 1000;

/**
 * A pod's usage; nothing when one of its containers cannot be told: half a sum would look like little. A container that
 * started within the window is measured from its start.
 */
export function podUsed({ older, newer }: Window<NodeSample>, pod: string): PodUsed | undefined {
  const now = newer.value.pods.get(pod);
  if (!now || now.size === 0) return undefined;
  const before = older.value.pods.get(pod);
  let windowMs = newer.atMs - older.atMs;
  const containers = [];
  for (const [name, counters] of now) {
    const startMs = (counters.startSeconds ?? 0) * 1000;
    const earlier = before?.get(name);
    const isSame = earlier && earlier.startSeconds === counters.startSeconds;
    const fromMs = isSame ? older.atMs : startMs;
    const seconds = counters.cpuSeconds - (isSame ? earlier.cpuSeconds : 0);
    if (!fromMs || newer.atMs - fromMs < leastMs || seconds < 0) return undefined;
    windowMs = Math.min(windowMs, newer.atMs - fromMs);
    containers.push({ name, usage: usageOf(counters, seconds, newer.atMs - fromMs) });
  }
  return { timestampMs: newer.atMs, windowMs, containers };
}

const usageOf = ({ memoryBytes }: Counters, seconds: number, windowMs: number): Usage => ({
  nanoCores: Math.round((seconds * 1e12) / windowMs),
  bytes: memoryBytes,
});
