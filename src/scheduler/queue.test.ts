import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/types.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { Snapshot } from '../placement/snapshot.ts';
import { always, type Hint, type Hints } from './hints.ts';
import { prioritySort } from './plugins/priority-sort.ts';
import { schedulingGates } from './plugins/scheduling-gates.ts';
import { SchedulingQueue } from './queue.ts';

const pod = (uid: string, spec: object = {}): Pod =>
  ({ metadata: { name: uid, uid }, spec: { containers: [], ...spec }, status: {} }) as unknown as Pod;

function queueAt() {
  const clock = new VirtualClock();
  const snapshot = new Snapshot();
  const plugin = (name: string, hints: Hints, isLocal = true) => [name, { name, hints, isLocal }] as const;
  const asked: string[] = [];
  const onSlot: Hint = ({ pod: waiting }, { slot }) => {
    asked.push(waiting.metadata.name);
    return slot === 7;
  };
  const blocked = new Set<string>();
  const seen: string[] = [];
  const queue = new SchedulingQueue(clock, {
    compare: prioritySort.compare,
    blockedBy: (one) => (blocked.has(one.metadata.name) ? 'not now' : schedulingGates.preEnqueue?.(one)),
    observer: { queued: (place, why) => seen.push(`${place} ${why}`) },
    plugins: new Map([plugin('Fit', { 'pod.deleted': onSlot }), plugin('Other', { 'node.labels': always }, false)]),
    snapshot: () => snapshot,
    onReady: () => {},
  });
  const drain = () => {
    const uids: (string | undefined)[] = [];
    for (let next = queue.pop(); next; next = queue.pop()) uids.push(next.pod.metadata.uid);
    return uids;
  };
  const park = (uid: string, ...names: string[]) => queue.park(uid, { rejectedBy: new Set(names) });
  const roomMade = () => queue.onEvent({ kind: 'pod.deleted', slot: 7 });
  return { clock, queue, drain, park, roomMade, asked, blocked, seen };
}

describe('SchedulingQueue', () => {
  it('gives pods out by priority, then by age', () => {
    const { queue, drain } = queueAt();
    queue.add(pod('old'));
    queue.add(pod('new'));
    queue.add(pod('high', { priority: 5 }));
    expect(drain()).toEqual(['high', 'old', 'new']);
  });

  it('brings a parked pod back for an event its plugin cares for and that may help it', () => {
    const { queue, drain, park, roomMade } = queueAt();
    queue.add(pod('p'));
    drain();
    park('p', 'Fit');
    queue.onEvent({ kind: 'node.labels' });
    expect(drain()).toEqual([]);
    queue.onEvent({ kind: 'pod.deleted', slot: 3 });
    expect(drain()).toEqual([]);
    roomMade();
    expect(drain()).toEqual(['p']);
  });

  it('asks once for all pods that are alike', () => {
    const { queue, drain, park, roomMade, asked } = queueAt();
    const uids = Array.from({ length: 50 }, (_, i) => `p${i}`);
    for (const uid of uids) queue.add(pod(uid));
    queue.add(pod('other', { nodeSelector: { a: 'b' } }));
    drain();
    for (const uid of [...uids, 'other']) park(uid, 'Fit');
    roomMade();
    expect(asked).toEqual(['p0', 'other']);
    expect(drain()).toHaveLength(51);
  });

  it('lets a pod back off while there are others, 1 s doubling to 10 s; after an error in any case', async () => {
    const { clock, queue, park, roomMade } = queueAt();
    const next = () => queue.pop()?.pod.metadata.uid;
    queue.add(pod('p'));
    expect(next()).toBe('p');
    for (const waitMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
      park('p', 'Fit');
      roomMade();
      await clock.advance(waitMs - 1);
      queue.add(pod('other'));
      expect(next()).toBe('other');
      queue.remove('other');
      await clock.advance(1);
      queue.add(pod('lesser', { priority: -1 }));
      expect(next()).toBe('p');
      queue.remove('lesser');
    }
    queue.retry('p');
    await clock.advance(9999);
    expect(next()).toBeUndefined();
    await clock.advance(1);
    expect(next()).toBe('p');
  });

  it('brings a pod that backs off forward when nothing else is to do, and not again before an event', async () => {
    const { clock, queue, drain, park, roomMade, seen } = queueAt();
    queue.add(pod('p'));
    drain();
    for (let i = 0; i < 5; i++) {
      park('p', 'Fit');
      expect(drain()).toEqual([]);
      roomMade();
      seen.length = 0;
      expect([drain(), seen]).toEqual([['p'], ['active PopFromBackoffQ']]);
    }
    park('p', 'Fit');
    await clock.advance(60_000);
    expect(drain()).toEqual([]);
  });

  it('brings forward whose back-off ends first; of those of one second, the more important', async () => {
    const { clock, queue, drain, park, roomMade } = queueAt();
    const names = ['p1', 'p2', 'p3', 'p4'];
    queue.add(pod('late', { priority: 9 }));
    for (const name of names) queue.add(pod(name, { priority: Number(name.at(-1)) }));
    // One that failed more often backs off longer.
    expect(drain()).toEqual(['late', 'p4', 'p3', 'p2', 'p1']);
    park('late', 'Fit');
    roomMade();
    drain();
    park('late', 'Fit');
    for (const name of names) {
      park(name, 'Fit');
      roomMade();
      await clock.advance(100);
    }
    expect(drain()).toEqual(['p4', 'p3', 'p2', 'p1', 'late']);
    queue.retry('p1');
    await clock.advance(60_000);
    expect(drain()).toEqual(['p1']);
  });

  it('holds back a pod that may not be tried any more when its turn comes again', async () => {
    const { clock, queue, drain, park, roomMade, blocked } = queueAt();
    queue.add(pod('p'));
    drain();
    park('p', 'Fit');
    blocked.add('p');
    roomMade();
    await clock.advance(10 * 60_000);
    expect(drain()).toEqual([]);
    blocked.clear();
    queue.recheck(['p']);
    expect(drain()).toEqual(['p']);
    queue.retry('p');
    blocked.add('p');
    await clock.advance(60_000);
    expect(drain()).toEqual([]);
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
    const { clock, queue, drain, park, roomMade } = queueAt();
    queue.add(pod('p'));
    drain();
    park('p', 'Fit');
    roomMade();
    expect(drain()).toEqual(['p']);
    // Its binding is under way now.
    roomMade();
    queue.add(pod('p', { priority: 1 }));
    await clock.advance(10 * 60_000);
    expect(drain()).toEqual([]);
    queue.retry('p');
    await clock.advance(2000);
    expect(drain()).toEqual(['p']);
  });
});
