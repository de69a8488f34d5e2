import type { Metrics } from '../../base/metrics.ts';

/** How webhooks of authorization are asked, and how they answer. */
export interface WebhookAuthorizerMetrics {
  asked(name: string, outcome: { result: 'success' | 'timeout' | 'error'; seconds: number; failsOpen: boolean }): void;
  /** A condition was false: it was not asked. */
  excluded(name: string): void;
  conditionFailed(name: string): void;
}

/** Upstream's, seconds. */
const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

/** By upstream's names. */
export function webhookAuthorizerMetrics(metrics: Metrics): WebhookAuthorizerMetrics {
  const evaluations = metrics.counter(
    'apiserver_authorization_webhook_evaluations_total',
    '[ALPHA] Number of round-trips to authorization webhooks.',
    ['name', 'result'],
  );
  const seconds = metrics.histogram(
    'apiserver_authorization_webhook_duration_seconds',
    '[ALPHA] Request latency in seconds.',
    { labelNames: ['name', 'result'], bounds: durationBounds },
  );
  const failOpen = metrics.counter(
    'apiserver_authorization_webhook_evaluations_fail_open_total',
    '[ALPHA] NoOpinion results due to webhook timeout or error.',
    ['name', 'result'],
  );
  const exclusions = metrics.counter(
    'apiserver_authorization_match_condition_exclusions_total',
    '[ALPHA] Total number of exclusions when an authorization webhook is skipped because match conditions exclude it.',
    ['type', 'name'],
  );
  const conditionErrors = metrics.counter(
    'apiserver_authorization_match_condition_evaluation_errors_total',
    '[ALPHA] Total number of errors when an authorization webhook encounters a match condition error.',
    ['type', 'name'],
  );
  return {
    asked(name, { result, seconds: took, failsOpen }) {
      evaluations.add([name, result]);
      seconds.observe([name, result], took);
      if (failsOpen) failOpen.add([name, result]);
    },
    excluded: (name) => exclusions.add(['Webhook', name]),
    conditionFailed: (name) => conditionErrors.add(['Webhook', name]),
  };
}
