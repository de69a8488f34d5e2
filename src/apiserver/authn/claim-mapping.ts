import { compileAuthentication } from '../../api/cel/authentication-language.ts';
import type { Program } from '../../cel/environment.ts';
import { jsonOf } from '../../cel/json.ts';
import { dyn } from '../../cel/types.ts';
import { adapt } from '../../cel/values.ts';
import type { ClaimOrExpression, JwtConfig } from './authentication-config.ts';
import type { UserInfo } from './user-info.ts';

/** What one expression may cost, as everywhere. */
const costLimit = 1_000_000;

export type Claims = Readonly<Record<string, unknown>>;

/** Claims of a token that is the issuer's, and still makes nobody. */
export class RefusedClaims extends Error {
  override readonly name = 'RefusedClaims';
}

/** Turns the claims of verified tokens into users. Its expressions have been checked with the configuration. */
export class ClaimMapping {
  readonly #config: JwtConfig;
  readonly #programs = new Map<string, Program>();

  constructor(config: JwtConfig) {
    this.#config = config;
  }

  /** Throws `RefusedClaims`, and what expressions throw. */
  userOf(claims: Claims): UserInfo {
    const { claimMappings, claimValidationRules = [], userValidationRules = [] } = this.#config;
    for (const { claim, requiredValue, expression } of claimValidationRules)
      require(
        expression === undefined
          ? claims[claim ?? ''] === requiredValue
          : this.#evaluate(expression, { claims }) === true,
      );
    const { username, groups, uid, extra = [] } = claimMappings;
    // An address that is not verified is anybody's.
    require(username.claim !== 'email' || claims.email_verified === undefined || claims.email_verified === true);
    const uidText = uid ? this.#text(uid, claims) : '';
    const extras = this.#extra(extra, claims);
    const user: UserInfo = {
      name: this.#text(username, claims),
      groups: groups ? this.#list(groups, claims) : [],
      ...(uidText ? { uid: uidText } : {}),
      ...(extras ? { extra: extras } : {}),
    };
    require(user.name !== '');
    const shown = { username: user.name, uid: uidText, groups: user.groups, extra: user.extra ?? {} };
    for (const { expression } of userValidationRules) require(this.#evaluate(expression, { user: shown }) === true);
    return user;
  }

  #text(mapping: ClaimOrExpression, claims: Claims): string {
    const value = this.#value(mapping, claims);
    if (typeof value !== 'string') throw new RefusedClaims();
    return value === '' ? '' : `${mapping.prefix ?? ''}${value}`;
  }

  #list(mapping: ClaimOrExpression, claims: Claims): string[] {
    return texts(this.#value(mapping, claims)).map((text) => `${mapping.prefix ?? ''}${text}`);
  }

  #extra(mappings: readonly { key: string; valueExpression: string }[], claims: Claims): UserInfo['extra'] {
    const entries = mappings.map(
      ({ key, valueExpression }) => [key, texts(this.#evaluate(valueExpression, { claims }))] as const,
    );
    const filled = entries.filter(([, values]) => values.length > 0);
    return filled.length > 0 ? Object.fromEntries(filled) : undefined;
  }

  #value({ claim, expression }: ClaimOrExpression, claims: Claims): unknown {
    return expression === undefined ? claims[claim ?? ''] : this.#evaluate(expression, { claims });
  }

  #evaluate(text: string, variables: { claims: Claims } | { user: object }): unknown {
    const name = 'claims' in variables ? 'claims' : 'user';
    const program = this.#programs.get(text) ?? compileAuthentication(text, name);
    this.#programs.set(text, program);
    const value = adapt('claims' in variables ? variables.claims : variables.user, dyn);
    return jsonOf(program.run({ [name]: value }, costLimit).value);
  }
}

function require(holds: boolean): void {
  if (!holds) throw new RefusedClaims();
}

/** A text is a list of one; what is absent or empty, of none. */
function texts(value: unknown): string[] {
  const list = Array.isArray(value) ? (value as unknown[]) : [value ?? ''];
  if (!list.every((one) => typeof one === 'string')) throw new RefusedClaims();
  return list.filter((one) => one !== '');
}
