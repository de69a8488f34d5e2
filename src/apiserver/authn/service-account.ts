import { createHash } from 'node:crypto';
import { nodes, pods, secrets, serviceaccounts } from '../../api/generated/resources.ts';
import { invalidSinceKey, lastUsedKey, type LegacyToken } from '../../api/core/legacy-token.ts';
import type { KubeObject, ObjectKey } from '../../api/resource.ts';
import type { Clock } from '../../base/clock.ts';
import type { ObjectReader } from '../object-reader.ts';
import type { BearerCredential, TokenAuthenticator, TokenIdentity } from './authenticator.ts';
import type { KubernetesClaim, NamedUid, ServiceAccountClaims, TokenIssuer } from './token-issuer.ts';
import { allAuthenticated, credentialIdKey, nodeNameKey, serviceAccountGroups, type UserInfo } from './user-info.ts';

/** Writes down on which day (2026-01-31) the token of a Secret was used. */
export type NoteTokenUse = (secret: ObjectKey, day: string) => void;

/** How many verified tokens are remembered; the oldest is forgotten (and verified again when it comes back). */
const maxRemembered = 10_000;
/** An object being deleted keeps its tokens valid this long, so that its last requests get through. */
const deletionLeewayMs = 60_000;

/** What a token says, its signature checked. */
interface Verified {
  claims: ServiceAccountClaims;
  user: UserInfo;
}

/**
 * Tokens of service accounts. The signature is checked once per token (the hash of the text is remembered until it expires,
 * and the credential of a connection, which need not be hashed again); that account, pod, secret or node still exist is
 * looked up every time, in the replica.
 */
export class ServiceAccountAuthenticator implements TokenAuthenticator {
  readonly name = 'service-account';
  readonly #issuer: TokenIssuer;
  readonly #read: ObjectReader;
  readonly #clock: Clock;
  readonly #noteUse: NoteTokenUse | undefined;
  readonly #verified = new Map<string, Verified>();
  readonly #byCredential = new WeakMap<BearerCredential, Verified>();
  /** Secrets, and the day for which the use of their token has been noted. */
  readonly #noted = new Map<string, string>();

  constructor(deps: {
    issuer: TokenIssuer;
    read: ObjectReader;
    clock: Clock;
    noteTokenUse?: NoteTokenUse | undefined;
  }) {
    this.#issuer = deps.issuer;
    this.#read = deps.read;
    this.#clock = deps.clock;
    this.#noteUse = deps.noteTokenUse;
  }

  authenticateToken(
    token: string,
    audiences: readonly string[],
    credential?: BearerCredential,
  ): TokenIdentity | undefined | Promise<TokenIdentity | undefined> {
    const known = credential && this.#byCredential.get(credential);
    if (known) return this.#identity(known, token, audiences);
    // Three base64url parts: nothing else can be a signed token.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
    return this.#verify(token).then((verified) => {
      if (verified && credential) this.#byCredential.set(credential, verified);
      return verified && this.#identity(verified, token, audiences);
    });
  }

  /** What is checked each time. */
  #identity({ claims, user }: Verified, token: string, audiences: readonly string[]): TokenIdentity | undefined {
    const now = this.#clock.now() / 1000;
    const matching = claims.aud.filter((audience) => audiences.includes(audience));
    if (now >= claims.exp || now < claims.nbf || matching.length === 0) return undefined;
    if (!this.#boundObjectsExist(claims['kubernetes.io'])) return undefined;
    if (claims.legacy && !this.#isInSecret(claims.legacy, token)) return undefined;
    return { user, audiences: matching };
  }

  async #verify(token: string): Promise<Verified | undefined> {
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#verified.get(hash);
    if (known && known.claims.exp > this.#clock.now() / 1000) return known;
    this.#verified.delete(hash);
    const claims = await this.#issuer.verify(token);
    if (!claims) return undefined;
    if (this.#verified.size >= maxRemembered) {
      for (const oldest of this.#verified.keys()) {
        this.#verified.delete(oldest);
        break;
      }
    }
    const verified = { claims, user: userOf(claims) };
    this.#verified.set(hash, verified);
    return verified;
  }

  /** Its Secret still has the token, and nobody has said that it is out of use. The day of its use is noted there. */
  #isInSecret({ namespace, secret: name }: LegacyToken, token: string): boolean {
    const secret = this.#read.get(secrets, namespace, name);
    const { labels = {}, deletionTimestamp } = secret?.metadata ?? {};
    if (!secret || deletionTimestamp || labels[invalidSinceKey]) return false;
    if (Buffer.from(secret.data?.token ?? '', 'base64').toString() !== token) return false;
    const today = new Date(this.#clock.now()).toISOString().slice(0, 10);
    const key = `${namespace}/${name}`;
    if (labels[lastUsedKey] === today || this.#noted.get(key) === today) return true;
    if (this.#noted.size >= maxRemembered) this.#noted.clear();
    this.#noted.set(key, today);
    this.#noteUse?.({ namespace, name }, today);
    return true;
  }

  #boundObjectsExist(claim: KubernetesClaim): boolean {
    const { namespace, serviceaccount, pod, secret, node } = claim;
    if (!this.#isSame(this.#read.get(serviceaccounts, namespace, serviceaccount.name), serviceaccount)) return false;
    if (secret && !this.#isSame(this.#read.get(secrets, namespace, secret.name), secret)) return false;
    if (pod) return this.#isSame(this.#read.get(pods, namespace, pod.name), pod);
    // The node of a pod's token only informs; a token bound to the node itself ends with it.
    return !node || this.#isSame(this.#read.get(nodes, '', node.name), node);
  }

  #isSame(object: KubeObject | undefined, claimed: NamedUid): boolean {
    if (!object || object.metadata.uid !== claimed.uid) return false;
    const deleted = object.metadata.deletionTimestamp;
    return !deleted || Date.parse(deleted) + deletionLeewayMs > this.#clock.now();
  }
}

function userOf(claims: ServiceAccountClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
  const extra: Record<string, string[]> = {};
  if (claims.jti) extra[credentialIdKey] = [`JTI=${claims.jti}`];
  if (pod) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  if (node) {
    extra[nodeNameKey] = [node.name];
    if (node.uid) extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  const hasExtra = Object.keys(extra).length > 0;
  return {
    name: claims.sub,
    uid: serviceaccount.uid,
    groups: [...serviceAccountGroups(namespace), allAuthenticated],
    ...(hasExtra ? { extra } : {}),
  };
}
