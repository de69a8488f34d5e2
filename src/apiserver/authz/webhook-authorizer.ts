import type { SubjectAccessReview, SubjectAccessReviewSpec } from '../../api/generated/types.ts';
import { CostError, EvaluationError } from '../../cel/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { UserInfo } from '../authn/user-info.ts';
import type { WebhookServer } from '../webhook/kubeconfig.ts';
import { type Backoff, postReview } from '../webhook/post-review.ts';
import { RememberedAnswers } from '../webhook/remembered-answers.ts';
import { accessReviewSpec } from './access-review-spec.ts';
import { type Attributes, type Decided, type Decision, isResource } from './attributes.ts';
import type { AuthorizationWebhookConfig } from './authorization-config.ts';
import type { ChainLink } from './authorizer.ts';
import type { WebhookAuthorizerMetrics } from './webhook-metrics.ts';

const maxAnswerBytes = 64 * 1024;
/** Upstream's, of answers remembered. */
const maxRemembered = 8192;
/** Questions that are longer than this are not remembered: they come from the one who asks. */
const maxRememberedChars = 10_000;

const noOpinion: Decision = { allowed: false, reason: '' };

export interface WebhookAuthorizerDeps {
  clock: Clock;
  log: Logger;
  metrics: WebhookAuthorizerMetrics;
  /** When a server that fails is asked again; unless told, as upstream does. */
  backoff?: Backoff;
}

type Answer = NonNullable<SubjectAccessReview['status']>;

/**
 * Asks a server whether a request may be: a SubjectAccessReview, if the conditions want it to be asked. Answers are remembered,
 * and then there at once. What a server that does not answer means, its failure policy says.
 */
export class WebhookAuthorizer implements ChainLink {
  readonly name: string;
  readonly withoutRules = 'webhook authorizer does not support user rule resolution';
  readonly #deps: WebhookAuthorizerDeps;
  readonly #config: AuthorizationWebhookConfig;
  readonly #server: WebhookServer;
  readonly #known = new RememberedAnswers<Answer>(maxRemembered);

  constructor(
    deps: WebhookAuthorizerDeps,
    { name, config, server }: { name: string; config: AuthorizationWebhookConfig; server: WebhookServer },
  ) {
    this.name = name;
    this.#deps = deps;
    this.#config = config;
    this.#server = server;
  }

  authorize(user: UserInfo, attributes: Attributes): Decided {
    const spec = accessReviewSpec(user, attributes);
    const isWanted = this.#isWanted(spec);
    if (isWanted !== true) return isWanted === false ? noOpinion : this.#failed(isWanted);
    const question = JSON.stringify(spec);
    const known = this.#known.get(question, this.#deps.clock.now());
    if (known) return decisionOf(known);
    return this.#ask(spec).then(
      (answer) => {
        if (charsOf(attributes) < maxRememberedChars) this.#remember(question, answer);
        return decisionOf(answer);
      },
      (error: Error) => {
        this.#deps.log.warn(
          { webhook: this.name, error: error.message },
          'the webhook for authorization did not answer',
        );
        return this.#failed(error.message);
      },
    );
  }

  /** Whether all conditions hold; a text where that cannot be said. One that is false decides before one that fails. */
  #isWanted(spec: SubjectAccessReviewSpec): boolean | string {
    const { metrics } = this.#deps;
    let failure: string | undefined;
    for (const condition of this.#config.matchConditions) {
      try {
        if (condition.test(spec)) continue;
        metrics.excluded(this.name);
        return false;
      } catch (error) {
        if (!(error instanceof EvaluationError || error instanceof CostError)) throw error;
        failure ??= `expression '${condition.expression}' resulted in error: ${error.message}`;
      }
    }
    if (failure !== undefined) metrics.conditionFailed(this.name);
    return failure ?? true;
  }

  #failed(error: string): Decision {
    const denied = this.#config.failurePolicy === 'Deny';
    return { ...noOpinion, error, ...(denied ? { denied } : {}) };
  }

  async #ask(spec: SubjectAccessReviewSpec): Promise<Answer> {
    const { clock, metrics } = this.#deps;
    const { subjectAccessReviewVersion: version, timeoutMs, failurePolicy } = this.#config;
    const beganMs = clock.now();
    const told = (result: 'success' | 'timeout' | 'error') =>
      metrics.asked(this.name, {
        result,
        seconds: (clock.now() - beganMs) / 1000,
        failsOpen: result !== 'success' && failurePolicy === 'NoOpinion',
      });
    const limits = { clock, timeoutMs, maxBytes: maxAnswerBytes };
    try {
      const text = await postReview(this.#server, limits, reviewText(spec, version), this.#deps.backoff);
      const answer = (JSON.parse(text) as SubjectAccessReview).status;
      if (typeof answer?.allowed !== 'boolean') throw new Error('the webhook answered without a status');
      told('success');
      return answer;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      told(message.includes('deadline exceeded') ? 'timeout' : 'error');
      throw error;
    }
  }

  #remember(question: string, answer: Answer): void {
    const { cacheAuthorizedRequests, cacheUnauthorizedRequests, authorizedTtlMs, unauthorizedTtlMs } = this.#config;
    if (!(answer.allowed ? cacheAuthorizedRequests : cacheUnauthorizedRequests)) return;
    const ttlMs = answer.allowed ? authorizedTtlMs : unauthorizedTtlMs;
    this.#known.set(question, answer, this.#deps.clock.now() + ttlMs);
  }
}

/** `v1beta1` calls the groups `group`. */
function reviewText(spec: SubjectAccessReviewSpec, version: 'v1' | 'v1beta1'): string {
  const { groups, ...rest } = spec;
  const sent = version === 'v1' ? spec : { ...rest, group: groups };
  const review = { kind: 'SubjectAccessReview', apiVersion: `authorization.k8s.io/${version}`, metadata: {} };
  // Empty members are left out, as Go does.
  return JSON.stringify({ ...review, spec: sent, status: { allowed: false } }, (_, value: unknown) =>
    value === '' || isEmpty(value) ? undefined : value,
  );
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

function decisionOf({ allowed, denied, reason = '' }: Answer): Decision {
  if (allowed && denied) {
    const error = 'webhook subject access review returned both allow and deny response';
    return { allowed: false, denied, reason, error };
  }
  return { allowed, reason, ...(denied ? { denied } : {}) };
}

const charsOf = (attributes: Attributes): number =>
  isResource(attributes)
    ? [attributes.namespace, attributes.verb, attributes.group, attributes.version, attributes.resource]
        .concat(attributes.subresource, attributes.name)
        .reduce((sum, text) => sum + (text?.length ?? 0), 0)
    : attributes.path.length + attributes.verb.length;
