import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rng } from '../base/rng.ts';
import type { Store } from '../store/store.ts';
import type { Admission } from './admission/admission.ts';
import type { Auditor } from './audit/auditor.ts';
import type { Authentication } from './authn/authentication.ts';
import type { TokenIssuer } from './authn/token-issuer.ts';
import type { Authorizer } from './authz/authorizer.ts';
import type { ObjectCodec } from './object-codec.ts';
import type { ObjectReader } from './object-reader.ts';
import type { Registry } from './registry.ts';
import type { ApiRequest } from './request.ts';
import type { ServerMetrics } from './server-metrics.ts';
import type { QuotaBook } from './quota-book.ts';
import type { AddressAllocator } from './service-addresses.ts';

/** What the verbs work with. */
export interface ApiContext {
  readonly store: Store;
  readonly objects: ObjectCodec;
  readonly registry: Registry;
  readonly read: ObjectReader;
  readonly admission: Admission;
  readonly authorizer: Authorizer;
  readonly authentication: Authentication;
  readonly tokens: TokenIssuer;
  readonly addresses: AddressAllocator;
  /** Ends each watch that is open: a server that stops tells its clients, who resume at another one. */
  readonly longRunning: Map<() => void, ApiRequest>;
  readonly metrics: ServerMetrics;
  readonly quotas: QuotaBook;
  /** Undefined: nothing is audited. */
  readonly audit: Auditor | undefined;
  /** The parts of the control plane that work beside this server, as component statuses call them. */
  readonly components: () => readonly string[];
  readonly clock: Clock;
  readonly rng: Rng;
  /** What `generateName` draws from: in a simulation, names do not depend on how many objects a fresh cluster has. */
  readonly names: Rng;
  readonly log: Logger;
}

/** RFC 3339 in UTC with whole seconds: metav1.Time. Every write asks twice, mostly for the second that was asked for last. */
export const timestamp = remembered();

function remembered(): (ms: number) => string {
  let last = Number.NaN;
  let text = '';
  return (ms) => {
    const second = Math.floor(ms / 1000);
    if (second !== last) {
      text = `${new Date(second * 1000).toISOString().slice(0, -5)}Z`;
      last = second;
    }
    return text;
  };
}
