import type { Clock } from '../../base/clock.ts';
import { CostError, EvaluationError } from '../../cel/errors.ts';
import type { JwtConfig } from './authentication-config.ts';
import type { TokenAuthenticator, TokenIdentity } from './authenticator.ts';
import { ClaimMapping, type Claims, RefusedClaims } from './claim-mapping.ts';
import { IssuerKeys } from './issuer-keys.ts';

const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
/** Tokens of an OpenID Connect issuer: verified with its keys, then turned into a user as the configuration says. */
export class JwtAuthenticator implements TokenAuthenticator {
  readonly name: string;
  readonly #config: JwtConfig;
  readonly #clock: Clock;
  readonly #keys: IssuerKeys;
  readonly #mapping: ClaimMapping;

  constructor(config: JwtConfig, clock: Clock) {
    this.name = `jwt ${config.issuer.url}`;
    this.#config = config;
    this.#clock = clock;
    this.#keys = new IssuerKeys(config.issuer, clock);
    this.#mapping = new ClaimMapping(config);
  }

  async authenticateToken(token: string): Promise<TokenIdentity | undefined> {
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
    const claims = await this.#verified(token);
    if (!claims) return undefined;
    try {
      return { user: this.#mapping.userOf(claims) };
    } catch (error) {
      if (error instanceof RefusedClaims || error instanceof EvaluationError || error instanceof CostError)
        return undefined;
      throw error;
    }
  }

  /** The claims of a token that the issuer has signed for one of the audiences, and that has not run out. */
  async #verified(token: string): Promise<Claims | undefined> {
    const { decodeJwt, decodeProtectedHeader, errors, jwtVerify } = await import('jose');
    const { url: issuer, audiences: audience } = this.#config.issuer;
    try {
      // Nobody is asked about the tokens of others.
      if (decodeJwt(token).iss !== issuer) return undefined;
      const keys = await this.#keys.for(decodeProtectedHeader(token).kid);
      if (!keys) return undefined;
      const currentDate = new Date(this.#clock.now());
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms,
        currentDate,
        requiredClaims: ['exp'],
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  }
}
