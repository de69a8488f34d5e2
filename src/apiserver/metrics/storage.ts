import type { Clock } from '../../base/clock.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Journal } from '../../store/journal.ts';
import type { SharedJournal } from '../../store/shared-journal.ts';

/** Upstream's, seconds: of requests to the API server, and of its own to where the state is. */
export const requestBounds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/**
 * A journal whose writes are counted and timed, under the names that upstream has for etcd's. A write is a group of changes:
 * it is told as one transaction.
 */
export function measuredJournal<J extends Journal | SharedJournal>(journal: J, metrics: Metrics, clock: Clock): J {
  const labelNames = ['operation', 'group', 'resource'];
  const labels = ['txn', '', ''];
  const count = metrics
    .counter('etcd_requests_total', '[ALPHA] Etcd request counts for each operation and object type.', labelNames)
    .of(labels);
  const errors = metrics
    .counter(
      'etcd_request_errors_total',
      '[ALPHA] Etcd failed request counts for each operation and object type.',
      labelNames,
    )
    .of(labels);
  const observe = metrics
    .histogram(
      'etcd_request_duration_seconds',
      '[ALPHA] Etcd request latency in seconds for each operation and object type.',
      {
        labelNames,
        bounds: requestBounds,
      },
    )
    .of(labels);
  const name = 'propose' in journal ? 'propose' : 'append';
  type Write = (...args: unknown[]) => Promise<unknown>;
  const write = (journal as unknown as Record<string, Write>)[name] as Write;
  const measured: Write = (...args) => {
    const began = clock.now();
    const done = write.apply(journal, args);
    const end = () => observe((clock.now() - began) / 1000);
    count(1);
    done.then(end, () => {
      end();
      errors(1);
    });
    return done;
  };
  return new Proxy(journal, {
    get(target, member) {
      if (member === name) return measured;
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === 'function' ? (value as Write).bind(target) : value;
    },
  });
}
