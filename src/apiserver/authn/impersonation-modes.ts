import { createHash } from 'node:crypto';
import { dns1123Subdomain } from '../../api/meta/name-format.ts';
import type { StatusError } from '../../api/meta/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Attributes } from '../authz/attributes.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import { forbidden } from '../authz/forbidden.ts';
import type { ImpersonationMetrics } from '../metrics/impersonation.ts';
import { RememberedAnswers } from '../webhook/remembered-answers.ts';
import { authorizeIdentity } from './impersonated-identity.ts';
import { nodeNameKey, nodeUserPrefix, parseServiceAccountUser, type UserInfo } from './user-info.ts';

/** Who asks to act as whom, and what for. */
export interface Attempt {
  requestor: UserInfo;
  wanted: UserInfo;
  request: Attributes;
}

export interface Acting {
  user: UserInfo;
  /** The verb that a constrained mode allowed it by. */
  constraint?: string;
}

/** A way in which somebody may be allowed to act as somebody else. */
export interface Mode {
  readonly name: string;
  /** Undefined: it is not for such a user. Rejects with Forbidden. */
  acting(attempt: Attempt): Promise<Acting | undefined>;
}

export interface ModeDeps {
  authorizer: Pick<Authorizer, 'authorize'>;
  clock: Clock;
  metrics: ImpersonationMetrics;
}

/** Upstream remembers what a constrained mode allowed for as long as it remembers tokens. */
const rememberedMs = 10_000;
const maxRemembered = 4096;

interface ModeRules {
  name: string;
  isFor(wanted: UserInfo, requestor: UserInfo): boolean;
  /** Users are nodes. */
  isOfNodes?: boolean;
  /** What authorizers and memory are shown instead, once the mode is known to be the right one. */
  shown?(attempt: Attempt): Attempt;
}

/** In the order in which they are tried. */
const constrained: readonly ModeRules[] = [
  {
    name: 'associated-node',
    isFor: (wanted, requestor) => hasOnlyName(wanted) && isOnNode(requestor, nodeOf(wanted.name)),
    isOfNodes: true,
    shown: onAnyNode,
  },
  {
    name: 'arbitrary-node',
    isFor: (wanted) => hasOnlyName(wanted) && nodeOf(wanted.name) !== undefined,
    isOfNodes: true,
  },
  {
    name: 'serviceaccount',
    isFor: (wanted) => hasOnlyName(wanted) && parseServiceAccountUser(wanted.name) !== undefined,
  },
  {
    name: 'user-info',
    isFor: ({ name }) => nodeOf(name) === undefined && parseServiceAccountUser(name) === undefined,
  },
];

export const constrainedModes = (deps: ModeDeps): Mode[] =>
  constrained.map((rules) => new ConstrainedMode(deps, rules));

/**
 * Two permissions are needed: to do this while acting as somebody (`impersonate-on:<mode>:<verb>` on what the request is
 * about), and to be that somebody (`impersonate:<mode>` on each part of him). What was allowed is remembered for a short
 * time: for the same request, and for every request that he may be that somebody.
 */
class ConstrainedMode implements Mode {
  readonly name: string;
  readonly #deps: ModeDeps;
  readonly #rules: ModeRules;
  readonly #requests = new RememberedAnswers<UserInfo>(maxRemembered);
  readonly #identities = new RememberedAnswers<UserInfo>(maxRemembered);

  constructor(deps: ModeDeps, rules: ModeRules) {
    this.name = rules.name;
    this.#deps = deps;
    this.#rules = rules;
  }

  async acting(attempt: Attempt): Promise<Acting | undefined> {
    if (!this.#rules.isFor(attempt.wanted, attempt.requestor)) return undefined;
    const user = await this.#allowed(this.#rules.shown?.(attempt) ?? attempt);
    // What is remembered may be of another node.
    return { user: { ...user, name: attempt.wanted.name }, constraint: `impersonate:${this.name}` };
  }

  async #allowed({ requestor, wanted, request }: Attempt): Promise<UserInfo> {
    const question = keyOf([wanted, requestor, request]);
    const known = this.#requests.get(question, this.#deps.clock.now());
    if (known) return known;
    const asking = { requestor, refusal: refusals(this.#deps, this.name, requestor) };
    const refusal = await asking.refusal({ ...request, verb: `impersonate-on:${this.name}:${request.verb}` });
    if (refusal) throw refusal;
    const user = await this.#remembered(keyOf([wanted, requestor]), () =>
      authorizeIdentity(asking, wanted, {
        verb: `impersonate:${this.name}`,
        isConstrained: true,
        isOfNodes: this.#rules.isOfNodes ?? false,
      }),
    );
    this.#requests.set(question, user, this.#deps.clock.now() + rememberedMs);
    return user;
  }

  async #remembered(question: string, find: () => Promise<UserInfo>): Promise<UserInfo> {
    const { clock } = this.#deps;
    const known = this.#identities.get(question, clock.now());
    if (known) return known;
    const user = await find();
    this.#identities.set(question, user, clock.now() + rememberedMs);
    return user;
  }
}

/** The verb `impersonate`: who has it may do as somebody else whatever that one may. Nothing is remembered. */
export class ClassicMode implements Mode {
  readonly name = 'legacy';
  readonly #deps: ModeDeps;

  constructor(deps: ModeDeps) {
    this.#deps = deps;
  }

  async acting({ requestor, wanted }: Attempt): Promise<Acting> {
    const asking = { requestor, refusal: refusals(this.#deps, this.name, requestor) };
    const mode = { verb: 'impersonate', isConstrained: false, isOfNodes: false };
    return { user: await authorizeIdentity(asking, wanted, mode) };
  }
}

/** Asks authorizers, and counts it. */
const refusals =
  ({ authorizer, clock, metrics }: ModeDeps, mode: string, requestor: UserInfo) =>
  async (attributes: Attributes): Promise<StatusError | undefined> => {
    const beganMs = clock.now();
    const { allowed, reason, error } = await authorizer.authorize(requestor, attributes);
    metrics.asked(mode, allowed ? 'allowed' : 'denied', (clock.now() - beganMs) / 1000);
    if (allowed) return undefined;
    return forbidden(requestor, attributes, [error, reason].filter(Boolean).join(': '));
  };

const hasOnlyName = ({ uid, groups, extra }: UserInfo): boolean => !uid && groups.length === 0 && !extra;

/** The node that a user name is of, if a node can be called so. */
function nodeOf(userName: string): string | undefined {
  if (!userName.startsWith(nodeUserPrefix)) return undefined;
  const name = userName.slice(nodeUserPrefix.length);
  return dns1123Subdomain(name).length === 0 ? name : undefined;
}

/** Whether it is a service account whose pod is on that node. */
function isOnNode({ name, extra }: UserInfo, node: string | undefined): boolean {
  const [own, ...more] = extra?.[nodeNameKey] ?? [];
  return node !== undefined && parseServiceAccountUser(name) !== undefined && own === node && more.length === 0;
}

/**
 * An agent that runs on every node is one service account: the decision about it is made for all nodes at once, and so must
 * not depend on which of them it is. Of what is known of its pod, authorizers are shown the keys alone.
 */
function onAnyNode({ requestor, request }: Attempt): Attempt {
  const keys = Object.keys(requestor.extra ?? {}).sort();
  return {
    requestor: { ...requestor, extra: { 'authentication.kubernetes.io/associated-node-keys': keys } },
    wanted: { name: `${nodeUserPrefix}*`, groups: [] },
    request,
  };
}

/** Of one length, however much a client sends. */
const keyOf = (question: unknown[]): string => createHash('sha256').update(JSON.stringify(question)).digest('base64');
