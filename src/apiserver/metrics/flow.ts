import type { Metrics } from '../../base/metrics.ts';

/** Upstream's, seconds. */
const bounds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

export type Rejection = 'queue-full' | 'concurrency-limit' | 'time-out';

/** What is counted of the requests of one schema at one level. */
export interface FlowCounts {
  dispatched(waitedSeconds: number): void;
  rejected(reason: Rejection, waitedSeconds: number): void;
  executed(seconds: number): void;
}

/** Seats, and the waiting for them. */
export class FlowMetrics {
  /** The same counts for the same names. */
  readonly of: (schema: string, level: string) => FlowCounts;

  constructor(metrics: Metrics) {
    const names = ['priority_level', 'flow_schema'];
    const prefix = 'apiserver_flowcontrol_';
    const dispatched = metrics.counter(
      `${prefix}dispatched_requests_total`,
      '[BETA] Number of requests executed by API Priority and Fairness subsystem.',
      names,
    );
    const rejected = metrics.counter(
      `${prefix}rejected_requests_total`,
      '[BETA] Number of requests rejected by API Priority and Fairness subsystem.',
      [...names, 'reason'],
    );
    const waits = metrics.histogram(
      `${prefix}request_wait_duration_seconds`,
      '[BETA] Length of time a request spent waiting in its queue.',
      { labelNames: [...names, 'execute'], bounds },
    );
    const executions = metrics.histogram(
      `${prefix}request_execution_seconds`,
      '[ALPHA] Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution.',
      { labelNames: [...names, 'type'], bounds },
    );
    this.of = (schema, level) => {
      const labels = [level, schema];
      const count = dispatched.of(labels);
      const waited = waits.of([...labels, 'true']);
      const executed = executions.of([...labels, 'regular']);
      return {
        dispatched(seconds) {
          count(1);
          waited(seconds);
        },
        rejected(reason, seconds) {
          rejected.add([...labels, reason]);
          waits.observe([...labels, 'false'], seconds);
        },
        executed,
      };
    };
  }
}
