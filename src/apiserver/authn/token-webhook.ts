import { createHash } from 'node:crypto';
import type { TokenReview } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { WebhookServer } from '../webhook/kubeconfig.ts';
import { postReview } from '../webhook/post-review.ts';
import { RememberedAnswers } from '../webhook/remembered-answers.ts';
import type { TokenAuthenticator, TokenIdentity } from './authenticator.ts';

const limits = { timeoutMs: 30_000, maxBytes: 64 * 1024 };
/** Upstream's `--authentication-token-webhook-cache-ttl`. */
const rememberedMs = 120_000;
const maxRemembered = 4096;

/** Asks a server whose token it is: a TokenReview. Answers are remembered for two minutes, also that it is nobody's. */
export class WebhookTokenAuthenticator implements TokenAuthenticator {
  readonly name = 'webhook';
  readonly #deps: { clock: Clock; log: Logger };
  readonly #server: WebhookServer;
  readonly #known = new RememberedAnswers<{ identity: TokenIdentity | undefined }>(maxRemembered);

  constructor(deps: { clock: Clock; log: Logger }, server: WebhookServer) {
    this.#deps = deps;
    this.#server = server;
  }

  async authenticateToken(token: string, audiences: readonly string[]): Promise<TokenIdentity | undefined> {
    const now = this.#deps.clock.now();
    const id = createHash('sha256')
      .update(JSON.stringify([token, audiences]))
      .digest('base64');
    const known = this.#known.get(id, now);
    if (known) return known.identity;
    const answer = await this.#ask(token, audiences);
    if (!answer) return undefined;
    this.#known.set(id, answer, now + rememberedMs);
    return answer.identity;
  }

  /** Undefined: there was no answer, and none is remembered. */
  async #ask(
    token: string,
    audiences: readonly string[],
  ): Promise<{ identity: TokenIdentity | undefined } | undefined> {
    const { clock, log } = this.#deps;
    const spec = { token, audiences };
    const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec });
    try {
      const text = await postReview(this.#server, { clock, ...limits }, body);
      return { identity: identityOf(JSON.parse(text) as TokenReview, audiences) };
    } catch (error) {
      log.warn({ error: String(error) }, 'the webhook for tokens did not answer');
      return undefined;
    }
  }
}

function identityOf({ status }: TokenReview, asked: readonly string[]): TokenIdentity | undefined {
  const { authenticated, user, audiences } = status ?? {};
  if (!authenticated || !user?.username) return undefined;
  const { username: name, uid, groups = [], extra } = user;
  // Who does not know of audiences answers for the API server's.
  const matching = audiences?.length ? audiences.filter((one) => asked.includes(one)) : undefined;
  return {
    user: { name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) },
    ...(matching ? { audiences: matching } : {}),
  };
}
