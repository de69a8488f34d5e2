import type { X509Certificate } from 'node:crypto';
import type { Histogram, Metrics } from '../../base/metrics.ts';
import type { UserInfo } from '../authn/user-info.ts';

const day = 86_400;
/** Upstream's, seconds. */
const expirationBounds = [0, 1800, 3600, 7200, 21_600, 43_200, day, 2 * day, 4 * day, 7 * day, 30 * day, 90 * day];
const durationBounds = [
  0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192,
];

const knownNames = ['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default'];

/** What is shown of a user's name: clients that choose names must not fill the memory, nor be told of. */
const shownName = (name: string): string =>
  knownNames.includes(name) ? name : name.includes('@') ? 'email_id' : 'other';

interface Outcome {
  count(by: number): void;
  observe(seconds: number): void;
}

/** How it was decided. */
type Result = 'allowed' | 'denied' | 'no-opinion' | 'error';

/** Who asks, and whether they may. */
export class AccessMetrics {
  readonly #users = new Map<string, (by: number) => void>();
  readonly #user: (name: string) => (by: number) => void;
  readonly #expiration: Histogram;
  /** When a connection's certificate ends: it is read once. */
  readonly #ends = new WeakMap<X509Certificate, number>();
  readonly #success: Outcome;
  readonly #failure: Outcome;
  readonly #decisions: Record<Result, Outcome>;

  constructor(metrics: Metrics) {
    const users = metrics.counter(
      'authenticated_user_requests',
      '[ALPHA] Counter of authenticated requests broken out by username.',
      ['username'],
    );
    this.#user = (name) => users.of([name]);
    this.#expiration = metrics.histogram(
      'apiserver_client_certificate_expiration_seconds',
      '[ALPHA] Distribution of the remaining lifetime on the certificate used to authenticate a request.',
      { labelNames: [], bounds: expirationBounds },
    );
    const outcomes = (count: string, duration: string, what: string) => {
      const counter = metrics.counter(count, `[ALPHA] Counter of ${what} attempts.`, ['result']);
      const text = `[ALPHA] ${what} duration in seconds broken out by result.`;
      const times = metrics.histogram(duration, text, { labelNames: ['result'], bounds: durationBounds });
      return (result: string): Outcome => ({ count: counter.of([result]), observe: times.of([result]) });
    };
    const authentication = outcomes('authentication_attempts', 'authentication_duration_seconds', 'authentication');
    this.#success = authentication('success');
    this.#failure = authentication('failure');
    const authorization = outcomes('authorization_attempts_total', 'authorization_duration_seconds', 'authorization');
    this.#decisions = {
      allowed: authorization('allowed'),
      denied: authorization('denied'),
      'no-opinion': authorization('no-opinion'),
      error: authorization('error'),
    };
  }

  /** Somebody was found out, or was not who they said. */
  authenticated(user: UserInfo | undefined, seconds: number): void {
    const outcome = user ? this.#success : this.#failure;
    outcome.count(1);
    outcome.observe(seconds);
    if (!user) return;
    const name = shownName(user.name);
    let count = this.#users.get(name);
    if (!count) this.#users.set(name, (count = this.#user(name)));
    count(1);
  }

  /** A request came with this certificate. */
  certificate(certificate: X509Certificate, nowMs: number): void {
    let end = this.#ends.get(certificate);
    if (end === undefined) this.#ends.set(certificate, (end = Date.parse(certificate.validTo)));
    this.#expiration.observe([], (end - nowMs) / 1000);
  }

  authorized(result: Result, seconds: number): void {
    const outcome = this.#decisions[result];
    outcome.count(1);
    outcome.observe(seconds);
  }
}
