import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/types.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { SchedulingQueue } from './queue.ts';

const pod = (uid: string, spec: object = {}): Pod =>
  ({ metadata: { name: uid, uid }, spec: { containers: [], ...spec }, status: {} }) as unknown as Pod;

function queueAt() {
  const clock = new VirtualClock();
  const queue = new SchedulingQueue(clock, {
    eventsOf: (plugin) => (plugin === 'Fit' ? ['pod.deleted'] : ['node.labels']),
    onReady: () => {},
  });
  const drain = () => {
    const uids: (string | undefined)[] = [];
    for (let next = queue.pop(); next; next = queue.pop()) uids.push(next.pod.metadata.uid);
    return uids;
  };
  const park = (uid: string, plugin: string) => queue.park(uid, { rejectedBy: new Set([plugin]), reasons: new Map() });
  return { clock, queue, drain, park };
}

describe('SchedulingQueue', () => {
  it('gives pods out by priority, then by age', () => {
    const { queue, drain } = queueAt();
    queue.add(pod('old'));
    queue.add(pod('new'));
    queue.add(pod('high', { priority: 5 }));
    expect(drain()).toEqual(['high', 'old', 'new']);
  });

  it('brings a parked pod back for an event its plugin cares for, after its back-off', async () => {
    const { clock, queue, drain, park } = queueAt();
    queue.add(pod('p'));
    drain();
    park('p', 'Fit');
    queue.onEvent('node.labels');
    await clock.advance(5000);
    expect(drain()).toEqual([]);
    queue.onEvent('pod.deleted');
    await clock.advance(999);
    expect(drain()).toEqual([]);
    await clock.advance(1);
    expect(drain()).toEqual(['p']);
    park('p', 'Fit');
    queue.onEvent('pod.deleted');
    await clock.advance(1999);
    expect(drain()).toEqual([]);
    await clock.advance(1);
    expect(drain()).toEqual(['p']);
  });

  it('tries everything again after five minutes, and nothing that has been removed', async () => {
    const { clock, queue, drain, park } = queueAt();
    queue.add(pod('p'));
    queue.add(pod('gone'));
    drain();
    park('p', 'Fit');
    park('gone', 'Fit');
    queue.remove('gone');
    await clock.advance(5 * 60_000);
    expect(drain()).toEqual(['p']);
  });

  it('holds gated pods until the last gate falls', () => {
    const { queue, drain } = queueAt();
    queue.add(pod('p', { schedulingGates: [{ name: 'wait' }] }));
    expect(drain()).toEqual([]);
    queue.add(pod('p'));
    expect(drain()).toEqual(['p']);
  });

  it('does not give out a pod again whose attempt is not over, whatever happens', async () => {
    const { clock, queue, drain, park } = queueAt();
    queue.add(pod('p'));
    drain();
    park('p', 'Fit');
    queue.onEvent('pod.deleted');
    await clock.advance(1000);
    expect(drain()).toEqual(['p']);
    // Its binding is under way now.
    queue.onEvent('pod.deleted');
    queue.add(pod('p', { priority: 1 }));
    await clock.advance(10 * 60_000);
    expect(drain()).toEqual([]);
    queue.retry('p');
    await clock.advance(2000);
    expect(drain()).toEqual(['p']);
  });
});
