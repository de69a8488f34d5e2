import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '../../api/generated/types.ts';
import { Snapshot } from '../snapshot.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { allocation, leastAllocated } from './allocation.ts';
import type { NodeScore } from './node-score.ts';
import { preferredAffinity } from './preferred-affinity.ts';
import { preferredTaints } from './preferred-taints.ts';

const mebibyte = 1024 * 1024;

const node = (name: string, more: Partial<Node> = {}): Node => ({
  metadata: { name },
  spec: {},
  status: { allocatable: { cpu: '1', memory: '1000Mi', pods: '10' } },
  ...more,
});

const pod = (uid: string, requests?: Record<string, string>, spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: uid, namespace: 'default', uid },
  spec: { containers: [{ name: 'c', image: 'app', resources: { requests } }], ...spec },
  status: {},
});

/** Raw scores by node; undefined when the score has nothing to say. */
function rate(score: NodeScore, snapshot: Snapshot, asked: Pod): Record<string, number> | undefined {
  const slots = Array.from(snapshot.slots.subarray(0, snapshot.size));
  const rateSlot = score.prepare({ snapshot, pod: asked, requirement: snapshot.requirementOf(asked.spec) }, slots);
  if (!rateSlot) return undefined;
  return Object.fromEntries(slots.map((slot) => [snapshot.node(slot)?.name, rateSlot(slot)]));
}

function world(...nodes: Node[]): Snapshot {
  const snapshot = new Snapshot();
  for (const one of nodes) snapshot.updateNode(one);
  return snapshot;
}

describe('scores', () => {
  it('least allocated: the mean share of cpu and memory that stays free', () => {
    const snapshot = world(node('idle'), node('used'));
    snapshot.addPod(pod('a', { cpu: '500m', memory: '250Mi' }), 'used');
    // idle: 75 and 80; used: 25 and 55.
    expect(rate(leastAllocated, snapshot, pod('p', { cpu: '250m', memory: '200Mi' }))).toEqual({ idle: 77, used: 40 });
  });

  it('least allocated: pods without requests count for something', () => {
    const snapshot = world(node('idle'), node('used'));
    snapshot.addPod(pod('a'), 'used');
    // 100m and 200Mi each: 90 and 80, then 80 and 60.
    expect(rate(leastAllocated, snapshot, pod('p'))).toEqual({ idle: 85, used: 70 });
  });

  it('other strategies: full nodes first, or as a line through points says, also for extended resources', () => {
    const gpus = (name: string) =>
      node(name, { status: { allocatable: { cpu: '1', memory: '1000Mi', pods: '10', 'x.io/gpu': '4' } } });
    const snapshot = world(gpus('idle'), gpus('used'));
    snapshot.addPod(pod('a', { cpu: '500m', memory: '250Mi', 'x.io/gpu': '2' }), 'used');
    const asked = pod('p', { cpu: '250m', memory: '200Mi', 'x.io/gpu': '1' });
    expect(rate(allocation({ type: 'MostAllocated' }), snapshot, asked)).toEqual({ idle: 22, used: 60 });
    const resources = [{ name: 'x.io/gpu', weight: 3 }, { name: 'cpu' }];
    // idle: 25 × 3 and 25; used: 75 × 3 and 75.
    expect(rate(allocation({ type: 'MostAllocated', resources }), snapshot, asked)).toEqual({ idle: 25, used: 75 });
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 50, score: 10 },
      { utilization: 100, score: 4 },
    ];
    const ratio = allocation({
      type: 'RequestedToCapacityRatio',
      resources: [{ name: 'x.io/gpu' }],
      requestedToCapacityRatio: { shape },
    });
    expect(rate(ratio, snapshot, asked)).toEqual({ idle: 50, used: 70 });
  });

  it('balanced allocation: full marks when cpu and memory fill up alike', () => {
    const snapshot = world(node('even'), node('skewed'));
    snapshot.addPod(pod('a', { cpu: '400m' }), 'skewed');
    expect(rate(balancedAllocation, snapshot, pod('p', { cpu: '100m', memory: '100Mi' }))).toEqual({
      even: 100,
      skewed: 80,
    });
    expect(rate(balancedAllocation, snapshot, pod('best-effort'))).toBeUndefined();
  });

  it('preferred affinity: the sum of the weights met', () => {
    const labels = (list: Record<string, string>, name: string) => node(name, { metadata: { name, labels: list } });
    const snapshot = world(labels({ ssd: '', zone: 'x' }, 'both'), labels({ zone: 'x' }, 'one'), labels({}, 'none'));
    const preference = (key: string) => ({ matchExpressions: [{ key, operator: 'Exists' as const }] });
    const preferredDuringSchedulingIgnoredDuringExecution = [
      { weight: 10, preference: preference('ssd') },
      { weight: 3, preference: preference('zone') },
      { weight: 100, preference: {} },
    ];
    const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution } };
    expect(rate(preferredAffinity, snapshot, pod('p', {}, { affinity }))).toEqual({ both: 13, one: 3, none: 0 });
    expect(rate(preferredAffinity, snapshot, pod('p'))).toBeUndefined();
  });

  it('preferred taints: how many soft ones are not tolerated', () => {
    const taint = (key: string, effect: 'PreferNoSchedule' | 'NoSchedule') => ({ key, effect });
    const taints = [taint('a', 'PreferNoSchedule'), taint('b', 'PreferNoSchedule'), taint('c', 'NoSchedule')];
    const snapshot = world(node('tainted', { spec: { taints } }), node('free'));
    expect(rate(preferredTaints, snapshot, pod('p'))).toEqual({ tainted: 2, free: 0 });
    const tolerations = [{ key: 'a' }];
    expect(rate(preferredTaints, snapshot, pod('p', {}, { tolerations }))).toEqual({ tainted: 1, free: 0 });
  });

  it('image locality: by size, scaled by how many nodes have it', () => {
    const having = (name: string, sizeBytes: number) =>
      node(name, { status: { ...node(name).status, images: [{ names: ['app:latest'], sizeBytes }] } });
    const snapshot = world(having('large', 800 * mebibyte), having('small', 10 * mebibyte), node('without'), node('d'));
    // 800 Mi × 2/4 nodes = 400 Mi, between 23 and 1000 Mi.
    expect(rate(imageLocality, snapshot, pod('p'))).toEqual({ large: 38, small: 0, without: 0, d: 0 });
    snapshot.removeNode('large');
    snapshot.removeNode('small');
    expect(rate(imageLocality, snapshot, pod('p'))).toBeUndefined();
  });
});
