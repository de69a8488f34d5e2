import { exponentialBuckets, type Metrics } from '../../base/metrics.ts';

type Outcome = (mode: string, decision: 'allowed' | 'denied', seconds: number) => void;

/** Who acts as somebody else, and in which mode that was allowed. */
export class ImpersonationMetrics {
  /** The mode is empty where none allowed it. */
  readonly attempted: Outcome;
  /** One question to the authorizers. */
  readonly asked: Outcome;

  constructor(metrics: Metrics) {
    const labelNames = ['mode', 'decision'];
    const outcome = (name: string, texts: { count: string; duration: string }): Outcome => {
      const by = 'split by mode and decision.';
      const counter = metrics.counter(`${name}_total`, `[ALPHA] Total number of ${texts.count} ${by}`, labelNames);
      const times = metrics.histogram(
        `${name}_duration_seconds`,
        `[ALPHA] Latency of ${texts.duration} in seconds ${by}`,
        { labelNames, bounds: exponentialBuckets(0.001, 2, 15) },
      );
      return (mode, decision, seconds) => {
        counter.add([mode, decision]);
        times.observe([mode, decision], seconds);
      };
    };
    const attempts = 'impersonation attempts';
    const checks = 'authorization checks made by the impersonation handler';
    this.attempted = outcome('apiserver_impersonation_attempts', { count: attempts, duration: attempts });
    this.asked = outcome('apiserver_impersonation_authorization_attempts', { count: checks, duration: checks });
  }
}
