import type { Clock } from '../base/clock.ts';
import type { Store } from '../store/store.ts';

type Check = () => boolean | Promise<boolean>;

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz';

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
  readonly #checks: { name: string; check: Check; readyOnly: boolean }[] = [];
  /** The server stops: no longer ready, from the first moment on. */
  isShuttingDown = false;

  constructor({ store, clock }: { store: Store; clock: Clock }) {
    const isFresh = () => inTime(clock, store.fresh());
    this.#add('ping', () => true);
    this.#add('log', () => true);
    this.#add('etcd', isFresh);
    this.#add('etcd-readiness', isFresh, true);
    this.#add('informer-sync', () => true, true);
    for (const hook of startHooks) this.#add(`poststarthook/${hook}`, () => true);
    this.#add('shutdown', () => !this.isShuttingDown, true);
  }

  /** The page of an endpoint; it is long when asked for, and when something is wrong. */
  async page(endpoint: HealthEndpoint, query: URLSearchParams): Promise<{ ok: boolean; text: string }> {
    const excluded = new Set(query.getAll('exclude'));
    const lines = await Promise.all(
      this.#of(endpoint).map(async ({ name, check }) => {
        if (excluded.delete(name)) return `[+]${name} excluded: ok`;
        return (await check()) ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
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
    return this.#checks.filter(({ readyOnly }) => endpoint === 'readyz' || !readyOnly);
  }

  /**
   * Plugins that keep keys, by upstream's name of the check. Unlike there, it concerns readiness alone: a server that is started again
   * while the plugin is away could not even read its state.
   */
  addKmsProviders(isWell: () => boolean): void {
    this.#add('kms-providers', isWell, true);
  }

  #add(name: string, check: Check, readyOnly = false): void {
    this.#checks.push({ name, check, readyOnly });
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
