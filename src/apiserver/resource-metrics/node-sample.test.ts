import { describe, expect, it } from 'vitest';
import { type NodeSample, nodeUsed, parseSample, podUsed } from './node-sample.ts';

const text = (cpu: number, startSeconds: number) => `# HELP node_cpu_usage_seconds_total help
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total ${cpu * 4} 1000
node_memory_working_set_bytes 1.5e+09 1000
container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} ${cpu} 1000
container_memory_working_set_bytes{container="c",namespace="ns",pod="p"} 2048 1000
container_start_time_seconds{container="c",namespace="ns",pod="p"} ${startSeconds} 1000
pod_cpu_usage_seconds_total{namespace="ns",pod="p"} 9 1000
resource_scrape_error 0
`;
const at = (atMs: number, value: NodeSample) => ({ atMs, value });
const none: NodeSample = { pods: new Map() };

describe("a node's figures", () => {
  it('are read from its text, what is not about containers or the node left out', () => {
    expect(parseSample(text(3, 7))).toEqual({
      node: { cpuSeconds: 12, memoryBytes: 1.5e9 },
      pods: new Map([['ns/p', new Map([['c', { cpuSeconds: 3, memoryBytes: 2048, startSeconds: 7 }]])]]),
    });
    expect(parseSample('')).toEqual({ pods: new Map() });
  });

  it('become usage by what happened between two samples', () => {
    const window = { older: at(100_000, parseSample(text(1, 7))), newer: at(110_000, parseSample(text(6, 7))) };
    expect(podUsed(window, 'ns/p')).toEqual({
      ...{ timestampMs: 110_000, windowMs: 10_000 },
      containers: [{ name: 'c', usage: { nanoCores: 500_000_000, bytes: 2048 } }],
    });
    expect(nodeUsed(window)).toMatchObject({ usage: { nanoCores: 2_000_000_000, bytes: 1.5e9 } });
    expect(podUsed(window, 'ns/other')).toBeUndefined();
  });

  it('of a container that started meanwhile are measured from its start, unless that was just now', () => {
    const window = (startSeconds: number) => ({
      older: at(100_000, parseSample(text(50, 7))),
      newer: at(110_000, parseSample(text(1, startSeconds))),
    });
    expect(podUsed(window(108), 'ns/p')).toMatchObject({
      windowMs: 2000,
      containers: [{ usage: { nanoCores: 500_000_000 } }],
    });
    expect(podUsed(window(109.5), 'ns/p')).toBeUndefined();
    // A counter that fell without a new start is wrong, not negative.
    expect(podUsed(window(7), 'ns/p')).toBeUndefined();
    expect(podUsed({ ...window(108), older: at(100_000, none) }, 'ns/p')).toBeDefined();
  });

  it('of a node that was started anew wait for the next sample', () => {
    const window = { older: at(0, parseSample(text(9, 7))), newer: at(10_000, parseSample(text(1, 7))) };
    expect(nodeUsed(window)).toBeUndefined();
  });
});
