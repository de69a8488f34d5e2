import { type Counter, Metrics } from '../../base/metrics.ts';

/**
 * How the checks of a server's health have ended, for those who keep service levels: the page `/metrics/slis`. Source:
 * KEP-3466, by component-base's names.
 */
export class HealthLevels {
  readonly #metrics = new Metrics();
  readonly #last = new Map<string, { labels: readonly string[]; value: number }>();
  readonly #ended: Counter;

  constructor() {
    const single = '[STABLE] This metric records the result of a single healthcheck.';
    this.#metrics.gauge('kubernetes_healthcheck', single, ['name', 'type'], () => this.#last.values());
    const all = '[STABLE] This metric records the results of all healthcheck.';
    this.#ended = this.#metrics.counter('kubernetes_healthchecks_total', all, ['name', 'status', 'type']);
  }

  observe(name: string, endpoint: string, isOk: boolean): void {
    this.#last.set(`${endpoint}/${name}`, { labels: [name, endpoint], value: isOk ? 1 : 0 });
    this.#ended.add([name, isOk ? 'success' : 'error', endpoint]);
  }

  text(): string {
    return this.#metrics.text();
  }
}
