import type { Counter, Histogram, Metrics } from '../../base/metrics.ts';

/** Upstream's, seconds. */
const pluginBounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const webhookBounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];

export type Step = 'admit' | 'validate';
/** Told how long something took, and whether it refused. */
export type Observed = (seconds: number, isRejected: boolean) => void;

/** How a webhook answered. */
export interface WebhookCall {
  name: string;
  type: 'admit' | 'validating';
  operation: string;
  seconds: number;
  isRejected: boolean;
  /** The HTTP status of its refusal, 200 else; 0 where it did not answer. */
  code: number;
  /** Why there was no answer that counts. */
  errorType?: 'calling_webhook_error' | 'apiserver_internal_error';
  isIgnored?: boolean;
}

/** What admission does with writes. */
export class AdmissionMetrics {
  readonly #steps: Histogram;
  readonly #plugins: Histogram;
  readonly #webhooks: Histogram;
  readonly #requests: Counter;
  readonly #rejections: Counter;
  readonly #ignored: Counter;

  constructor(metrics: Metrics) {
    const labels = ['operation', 'rejected', 'type'];
    const webhook = 'apiserver_admission_webhook_';
    this.#steps = metrics.histogram(
      'apiserver_admission_step_admission_duration_seconds',
      '[STABLE] Admission sub-step latency histogram in seconds, broken out for each operation and API resource and step type (validate or admit).',
      { labelNames: labels, bounds: pluginBounds },
    );
    this.#plugins = metrics.histogram(
      'apiserver_admission_controller_admission_duration_seconds',
      '[STABLE] Admission controller latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
      { labelNames: ['name', ...labels], bounds: pluginBounds },
    );
    this.#webhooks = metrics.histogram(
      `${webhook}admission_duration_seconds`,
      '[STABLE] Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).',
      { labelNames: ['name', ...labels], bounds: webhookBounds },
    );
    this.#requests = metrics.counter(
      `${webhook}request_total`,
      '[ALPHA] Admission webhook request total, identified by name and broken out for each admission type (validating or mutating) and operation.',
      ['name', 'type', 'operation', 'code', 'rejected'],
    );
    this.#rejections = metrics.counter(
      `${webhook}rejection_count`,
      '[ALPHA] Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation.',
      ['name', 'type', 'operation', 'error_type', 'rejection_code'],
    );
    this.#ignored = metrics.counter(
      `${webhook}fail_open_count`,
      '[ALPHA] Admission webhook fail open count, identified by name and broken out for each admission type (validating or admit).',
      ['name', 'type'],
    );
  }

  plugin(name: string, operation: string, type: Step): Observed {
    return observer(this.#plugins, (rejected) => [name, operation, rejected, type]);
  }

  step(operation: string, type: Step): Observed {
    return observer(this.#steps, (rejected) => [operation, rejected, type]);
  }

  webhook(call: WebhookCall): void {
    const { name, type, operation, seconds, isRejected, code, errorType, isIgnored } = call;
    const rejected = String(isRejected);
    this.#webhooks.observe([name, operation, rejected, type], seconds);
    this.#requests.add([name, type, operation, String(code), rejected]);
    if (isIgnored) this.#ignored.add([name, type]);
    if (isRejected) this.#rejections.add([name, type, operation, errorType ?? 'no_error', String(code)]);
  }
}

function observer(histogram: Histogram, labelsOf: (rejected: string) => string[]): Observed {
  const passed = histogram.of(labelsOf('false'));
  return (seconds, isRejected) => (isRejected ? histogram.observe(labelsOf('true'), seconds) : passed(seconds));
}
