import type { Clock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';
import { HealthLevels } from './metrics/health.ts';

type Check = () => boolean | Promise<boolean>;

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz';

const everywhere: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];

/** What a start has brought about, in upstream's names and order; a server that listens has done all of it. */
const startHooks = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller',
  'start-kube-apiserver-identity-lease-garbage-collector',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
];

/** How long a check of the journal may take, milliseconds. */
const journalMs = 2000;

/**
 * `/healthz`, `/livez` and `/readyz`: named checks in order. What concerns readiness alone is no reason to be restarted.
 */
export class Health {
  readonly #checks: { name: string; check: Check; of: readonly HealthEndpoint[] }[] = [];
  readonly levels = new HealthLevels();
  /** The server stops: no longer ready, from the first moment on. */
  isShuttingDown = false;

  constructor({ store, clock }: { store: Store; clock: Clock }) {
    const isFresh = () => inTime(clock, store.fresh());
    this.#add('ping', () => true);
    this.#add('log', () => true);
    this.#add('etcd', isFresh);
    this.#add('etcd-readiness', isFresh, ['readyz']);
    this.#add('informer-sync', () => true, ['readyz']);
    for (const hook of startHooks) this.#add(`poststarthook/${hook}`, () => true);
    this.#add('shutdown', () => !this.isShuttingDown, ['readyz']);
  }

  /** The page of an endpoint; it is long when asked for, and when something is wrong. */
  async page(endpoint: HealthEndpoint, query: URLSearchParams): Promise<{ ok: boolean; text: string }> {
    const excluded = new Set(query.getAll('exclude'));
    const lines = await Promise.all(
      this.#of(endpoint).map(async ({ name, check }) => {
        if (excluded.delete(name)) return `[+]${name} excluded: ok`;
        const ok = await check();
        this.levels.observe(name, endpoint, ok);
        return ok ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
      }),
    );
    const ok = !lines.some((line) => line.startsWith('[-]'));
    if (excluded.size > 0) {
      const names = [...excluded].map((name) => JSON.stringify(name)).join(', ');
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
    }
    if (ok && !query.has('verbose')) return { ok, text: 'ok' };
    return { ok, text: `${lines.join('\n')}\n${endpoint} check ${ok ? 'passed' : 'failed'}\n` };
  }

  /** One check by its name; undefined when there is none. */
  one(endpoint: HealthEndpoint, name: string): boolean | Promise<boolean> | undefined {
    return this.#of(endpoint)
      .find((check) => check.name === name)
      ?.check();
  }

  /** The names of an endpoint's checks. */
  names(endpoint: HealthEndpoint): string[] {
    return this.#of(endpoint).map(({ name }) => name);
  }

  #of(endpoint: HealthEndpoint) {
    return this.#checks.filter(({ of }) => of.includes(endpoint));
  }

  /**
   * Plugins that keep keys, by upstream's name of the check. As there, they are no reason to be restarted: that would not make them
   * well.
   */
  addKmsProviders(areWell: () => Promise<boolean>): void {
    this.#add('kms-providers', areWell, ['healthz', 'readyz']);
  }

  #add(name: string, check: Check, of = everywhere): void {
    this.#checks.push({ name, check, of });
  }
}

function inTime(clock: Clock, work: Promise<void> | undefined): boolean | Promise<boolean> {
  if (!work) return true;
  return new Promise((resolve) => {
    const cancel = clock.after(journalMs, () => resolve(false), { background: true });
    const done = (ok: boolean) => {
      cancel();
      resolve(ok);
    };
    work.then(
      () => done(true),
      () => done(false),
    );
  });
}
