import { type Counter, exponentialBuckets, type Histogram, type Metrics, type Sample } from '../base/metrics.ts';
import type { Unschedulable } from './cycle.ts';
import type { PointTimer } from './point-timer.ts';
import type { QueuedPod, QueueName, QueueObserver } from './queue.ts';

export type Outcome = 'scheduled' | 'unschedulable' | 'error';

/** What the figures that are read on demand are of. */
export interface Observed {
  waiting(): Iterable<{ readonly queue: QueueName; readonly queued: QueuedPod }>;
  profileName(queued: QueuedPod): string;
  sizes(): { nodes: number; pods: number; assumed_pods: number };
}

/** One attempt in so many has its steps timed. */
const sampling = 10;
/** More attempts than this are one figure. */
const manyAttempts = 16;
const queues: readonly QueueName[] = ['active', 'backoff', 'unschedulable', 'gated'];

/** Figures of a scheduler under upstream's names (pkg/scheduler/metrics); durations are seconds. */
export class SchedulerMetrics implements QueueObserver {
  readonly #attempts: Counter;
  readonly #attemptDurations: Histogram;
  readonly #algorithmDurations: Histogram;
  readonly #pointDurations: Histogram;
  readonly #podAttempts: Histogram;
  readonly #sliDurations: Histogram;
  readonly #incoming: Counter;
  readonly #preemptions: Counter;
  readonly #victims: Histogram;
  #sample = 0;

  constructor(metrics: Metrics) {
    const named = (name: string) => `scheduler_${name}`;
    const counter = (name: string, help: string, labels: readonly string[] = []) =>
      metrics.counter(named(name), help, labels);
    const histogram = (name: string, help: string, bounds: number[], labelNames: readonly string[] = []) =>
      metrics.histogram(named(name), help, { labelNames, bounds });
    const attempt = ['result', 'profile'];
    this.#attempts = counter('schedule_attempts_total', '[STABLE] Number of attempts to schedule pods.', attempt);
    this.#attemptDurations = histogram(
      'scheduling_attempt_duration_seconds',
      '[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + binding).',
      exponentialBuckets(0.001, 2, 15),
      attempt,
    );
    this.#algorithmDurations = histogram(
      'scheduling_algorithm_duration_seconds',
      '[ALPHA] Scheduling algorithm latency in seconds.',
      exponentialBuckets(0.001, 2, 15),
    );
    this.#pointDurations = histogram(
      'framework_extension_point_duration_seconds',
      '[STABLE] Latency for running all plugins of a specific extension point; one attempt in ten.',
      exponentialBuckets(0.0001, 2, 12),
      ['extension_point', 'status', 'profile'],
    );
    this.#podAttempts = histogram(
      'pod_scheduling_attempts',
      '[STABLE] Number of attempts to successfully schedule a pod.',
      exponentialBuckets(1, 2, 5),
    );
    this.#sliDurations = histogram(
      'pod_scheduling_sli_duration_seconds',
      '[BETA] Latency of a pod from its arrival to its binding.',
      exponentialBuckets(0.01, 2, 20),
      ['attempts'],
    );
    this.#incoming = counter('queue_incoming_pods_total', '[STABLE] Number of pods added to scheduling queues.', [
      'queue',
      'event',
    ]);
    this.#preemptions = counter('preemption_attempts_total', '[STABLE] Total preemption attempts.');
    this.#victims = histogram(
      'preemption_victims',
      '[STABLE] Number of selected preemption victims.',
      exponentialBuckets(1, 2, 7),
    );
  }

  /** Figures that change by themselves are read when somebody asks. */
  static read(metrics: Metrics, observed: Observed): void {
    metrics.gauge('scheduler_pending_pods', '[STABLE] Number of pending pods, by where they wait.', ['queue'], () => {
      const counts = new Map(queues.map((queue) => [queue, 0]));
      for (const { queue } of observed.waiting()) counts.set(queue, (counts.get(queue) ?? 0) + 1);
      return samplesOf(counts, (queue) => [queue]);
    });
    const help = '[ALPHA] Number of pods that cannot be scheduled, by the plugin that says so.';
    metrics.gauge('scheduler_unschedulable_pods', help, ['plugin', 'profile'], () => {
      const counts = new Map<string, number>();
      for (const { queue, queued } of observed.waiting()) {
        if (queue !== 'unschedulable') continue;
        for (const plugin of queued.rejectedBy) {
          const key = `${plugin}\n${observed.profileName(queued)}`;
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
      }
      return samplesOf(counts, (key) => key.split('\n'));
    });
    metrics.gauge('scheduler_cache_size', '[ALPHA] Number of nodes, pods, and assumed pods.', ['type'], () =>
      samplesOf(new Map(Object.entries(observed.sizes())), (type) => [type]),
    );
  }

  queued(queue: QueueName, why: string): void {
    this.#incoming.add([queue, why]);
  }

  /** An attempt came to an end; `seconds` with the binding, if there was one. */
  attempted(result: Outcome, profile: string, seconds: number): void {
    this.#attempts.add([result, profile]);
    this.#attemptDurations.observe([result, profile], seconds);
  }

  decided(seconds: number): void {
    this.#algorithmDurations.observe([], seconds);
  }

  /** A pod is bound that came `waitedMs` ago. */
  bound(attempts: number, waitedMs: number): void {
    this.#podAttempts.observe([], attempts);
    const label = attempts >= manyAttempts ? `${manyAttempts}+` : String(attempts);
    this.#sliDurations.observe([label], waitedMs / 1000);
  }

  /** What came of trying to send others away; undefined: nobody was asked to. */
  preempted({ remedies }: Unschedulable): void {
    const nominated = remedies.find((remedy) => remedy.nominated)?.nominated;
    if (!nominated) return;
    this.#preemptions.add([]);
    this.#victims.observe([], nominated.victims.length);
  }

  /** For one attempt in ten: times its steps. */
  timer(profile: string): PointTimer | undefined {
    if (this.#sample++ % sampling !== 0) return undefined;
    return (point, status, seconds) => this.#pointDurations.observe([point, status, profile], seconds);
  }
}

const samplesOf = <K>(counts: ReadonlyMap<K, number>, labels: (key: K) => readonly string[]): Sample[] =>
  [...counts].map(([key, value]) => ({ labels: labels(key), value }));
