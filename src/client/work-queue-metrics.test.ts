import { expect, it } from 'vitest';
import { Metrics } from '../base/metrics.ts';
import { VirtualClock } from '../base/virtual-clock.ts';
import { WorkQueue } from './work-queue.ts';
import { WorkQueueMetrics } from './work-queue-metrics.ts';

it('counts what waits, what is in work, what comes again', async () => {
  const metrics = new Metrics();
  const clock = new VirtualClock(0);
  const queue = new WorkQueue(clock, { observer: new WorkQueueMetrics(metrics).of('replicaset.replicas') });
  const figure = (name: string) => {
    const line = metrics.text().match(new RegExp(`^workqueue_${name}\\{name="replicaset.replicas"\\} (.*)$`, 'm'));
    return Number(line?.[1]);
  };
  for (const key of ['a', 'b', 'b', 'c']) queue.add(key);
  expect([figure('depth'), figure('adds_total')]).toEqual([3, 3]);
  await queue.take();
  expect([figure('depth'), figure('queue_duration_seconds_count')]).toEqual([2, 1]);
  expect(figure('longest_running_processor_seconds')).toBeGreaterThan(0);
  expect(figure('unfinished_work_seconds')).toBeGreaterThan(0);
  // Added while in work: an add of its own once it is given back.
  queue.add('a');
  expect(figure('adds_total')).toBe(3);
  queue.done('a');
  expect([figure('adds_total'), figure('work_duration_seconds_count')]).toEqual([4, 1]);
  expect(figure('longest_running_processor_seconds')).toBe(0);
  queue.addRateLimited('d');
  expect(figure('retries_total')).toBe(1);
  queue.shutDown();
  expect(figure('depth')).toBe(0);
});
