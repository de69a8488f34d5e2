import type { Metrics } from '../../base/metrics.ts';

const methods: Record<string, string> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

/** The parts of this process as the clients that they are. */
export class ClientMetrics {
  readonly #of: (code: string, method: string) => (by: number) => void;
  readonly #known = new Map<string, (by: number) => void>();

  constructor(metrics: Metrics) {
    const requests = metrics.counter(
      'rest_client_requests_total',
      '[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.',
      ['code', 'method', 'host'],
    );
    this.#of = (code, method) => requests.of([code, method, 'in-process']);
  }

  /** A call from within was answered. */
  answered(verb: string, code: number): void {
    const method = methods[verb] ?? 'GET';
    const key = `${code} ${method}`;
    let count = this.#known.get(key);
    if (!count) this.#known.set(key, (count = this.#of(String(code), method)));
    count(1);
  }
}
