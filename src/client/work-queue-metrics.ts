import { stopwatch } from '../base/clock.ts';
import { type Counter, exponentialBuckets, type Histogram, type Metrics, type Sample } from '../base/metrics.ts';
import type { WorkQueueObserver } from './work-queue.ts';

/** Upstream's, seconds: from ten nanoseconds to a quarter of an hour. */
const durations = exponentialBuckets(10e-9, 10, 12);

/** Figures of work queues under client-go's names, one series a queue. */
export class WorkQueueMetrics {
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #queueDurations: Histogram;
  readonly #workDurations: Histogram;
  readonly #queues = new Map<string, QueueFigures>();

  constructor(metrics: Metrics) {
    const labelNames = ['name'];
    const histogram = (name: string, help: string) =>
      metrics.histogram(`workqueue_${name}`, help, { labelNames, bounds: durations });
    const gauge = (name: string, help: string, read: (queue: QueueFigures) => number) =>
      metrics.gauge(`workqueue_${name}`, help, labelNames, () =>
        [...this.#queues].map(([queue, figures]): Sample => ({ labels: [queue], value: read(figures) })),
      );
    this.#adds = metrics.counter(
      'workqueue_adds_total',
      '[ALPHA] Total number of adds handled by workqueue.',
      labelNames,
    );
    this.#retries = metrics.counter(
      'workqueue_retries_total',
      '[ALPHA] Total number of retries handled by workqueue.',
      labelNames,
    );
    this.#queueDurations = histogram(
      'queue_duration_seconds',
      '[ALPHA] How long in seconds an item stays in workqueue before being requested.',
    );
    this.#workDurations = histogram(
      'work_duration_seconds',
      '[ALPHA] How long in seconds processing an item from workqueue takes.',
    );
    gauge('depth', '[ALPHA] Current depth of workqueue.', ({ depth }) => depth);
    gauge(
      'unfinished_work_seconds',
      '[ALPHA] How many seconds of work has been done that is in progress.',
      ({ inWork }) => inWork().reduce((sum, seconds) => sum + seconds, 0),
    );
    gauge(
      'longest_running_processor_seconds',
      '[ALPHA] How many seconds has the longest running processor for workqueue been running.',
      ({ inWork }) => Math.max(0, ...inWork()),
    );
  }

  /** For the queue of that name. */
  of(name: string): WorkQueueObserver {
    const count = { add: this.#adds.of([name]), retry: this.#retries.of([name]) };
    const observe = { waited: this.#queueDurations.of([name]), worked: this.#workDurations.of([name]) };
    const elapsed = stopwatch();
    const readySince = new Map<string, number>();
    const takenAt = new Map<string, number>();
    this.#queues.set(name, {
      get depth() {
        return readySince.size;
      },
      inWork: () => [...takenAt.values()].map((at) => elapsed() - at),
    });
    return {
      ready(key) {
        if (readySince.has(key)) return;
        readySince.set(key, elapsed());
        count.add(1);
      },
      taken(key) {
        const now = elapsed();
        observe.waited(now - (readySince.get(key) ?? now));
        readySince.delete(key);
        takenAt.set(key, now);
      },
      done(key) {
        const now = elapsed();
        observe.worked(now - (takenAt.get(key) ?? now));
        takenAt.delete(key);
      },
      retried: () => count.retry(1),
      cleared: () => readySince.clear(),
    };
  }
}

interface QueueFigures {
  readonly depth: number;
  /** Of each key in work, for how long, in seconds. */
  readonly inWork: () => number[];
}
