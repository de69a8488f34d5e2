import type { JWTVerifyGetKey } from 'jose';
import type { Clock } from '../../base/clock.ts';
import { callHttp } from '../http-call.ts';
import type { JwtConfig } from './authentication-config.ts';

const limits = { timeoutMs: 10_000, maxBytes: 1024 * 1024 };
/** An issuer is asked again at most this often: forged key names must not make this server ask for ever. */
const againMs = 10_000;

/** The keys that an issuer signs with: found by its discovery document, asked for again when a token names another. */
export class IssuerKeys {
  readonly #config: JwtConfig['issuer'];
  readonly #clock: Clock;
  #known: { keys: JWTVerifyGetKey; kids: ReadonlySet<string> } | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(config: JwtConfig['issuer'], clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** The keys, fresh enough to have that one, if the issuer has it. Undefined: the issuer could not be asked. */
  async for(kid: string | undefined): Promise<JWTVerifyGetKey | undefined> {
    const isKnown = this.#known && (kid === undefined || this.#known.kids.has(kid));
    if (!isKnown && (this.#asking || this.#clock.now() - this.#askedAt >= againMs)) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      await this.#asking;
    }
    return this.#known?.keys;
  }

  /** Who cannot be reached is asked again later; until then the known keys hold. */
  async #ask(): Promise<void> {
    this.#askedAt = this.#clock.now();
    const { url, discoveryURL } = this.#config;
    const where = discoveryURL ?? `${url.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = (await this.#get(where)) as { issuer?: string; jwks_uri?: string } | undefined;
    if (document?.issuer !== url || !document.jwks_uri) return;
    const set = (await this.#get(document.jwks_uri)) as { keys?: { kid?: string }[] } | undefined;
    if (!Array.isArray(set?.keys)) return;
    const { createLocalJWKSet } = await import('jose');
    const kids = new Set(set.keys.flatMap(({ kid }) => kid ?? []));
    this.#known = { keys: createLocalJWKSet(set as Parameters<typeof createLocalJWKSet>[0]), kids };
  }

  async #get(text: string): Promise<unknown> {
    if (!URL.canParse(text) || !text.startsWith('https:')) return undefined;
    const { hostname, port, pathname, search } = new URL(text);
    const host = hostname.replace(/^\[|\]$/g, '');
    const ca = this.#config.certificateAuthority;
    const options = { host, port: Number(port || 443), path: `${pathname}${search}`, ...(ca ? { ca } : {}) };
    try {
      const answer = await callHttp(options, { clock: this.#clock, ...limits });
      return answer.status === 200 ? (JSON.parse(answer.text) as unknown) : undefined;
    } catch {
      return undefined;
    }
  }
}
