import { timingSafeEqual } from 'node:crypto';
import { secrets } from '../../api/generated/resources.ts';
import type { Secret } from '../../api/generated/types.ts';
import type { Clock } from '../../base/clock.ts';
import { type JoinToken, joinTokenSecretName, joinTokenSecretType, parseJoinToken } from '../../pki/join-token.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { TokenAuthenticator, TokenIdentity } from './authenticator.ts';

const bootstrappersGroup = 'system:bootstrappers';
const extraGroupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** Join tokens: Secrets `bootstrap-token-<id>` in kube-system, user `system:bootstrap:<id>`. */
export class BootstrapTokenAuthenticator implements TokenAuthenticator {
  readonly name = 'bootstrap-token';
  readonly #read: ObjectReader;
  readonly #clock: Clock;

  constructor(deps: { read: ObjectReader; clock: Clock }) {
    this.#read = deps.read;
    this.#clock = deps.clock;
  }

  async authenticateToken(text: string): Promise<TokenIdentity | undefined> {
    const token = parseJoinToken(text);
    if (!token) return undefined;
    const secret = this.#read.get(secrets, 'kube-system', joinTokenSecretName(token.id));
    const groups = secret && this.#groupsOf(secret, token);
    return groups && { user: { name: `system:bootstrap:${token.id}`, groups } };
  }

  /** The groups that the Secret grants; undefined when the token is not valid. */
  #groupsOf(secret: Secret, token: JoinToken): string[] | undefined {
    if (secret.metadata.deletionTimestamp || secret.type !== joinTokenSecretType) return undefined;
    const value = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
    if (!sameText(value('token-secret'), token.secret) || value('token-id') !== token.id) return undefined;
    if (value('usage-bootstrap-authentication') !== 'true') return undefined;
    const expiration = value('expiration');
    // An expiration that cannot be read has passed.
    if (expiration && !(Date.parse(expiration) > this.#clock.now())) return undefined;
    const extra = value('auth-extra-groups').split(',').filter(Boolean);
    if (!extra.every((group) => extraGroupPattern.test(group))) return undefined;
    return [...new Set([bootstrappersGroup, ...extra])].sort();
  }
}

/** Equal length is public (the format fixes it); where two secrets differ must not be measurable. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
