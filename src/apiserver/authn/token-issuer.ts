import { createPublicKey, type KeyObject } from 'node:crypto';
import { type LegacyToken, legacyTokenOf } from '../../api/core/legacy-token.ts';
import type { Clock } from '../../base/clock.ts';
import { type Rng, uuid } from '../../base/rng.ts';
import { keyIdOf, tokenAlgorithm as algorithm, tokenSigner } from '../../pki/signed-token.ts';
import { serviceAccountUserName } from './user-info.ts';

export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';

export interface NamedUid {
  name: string;
  uid: string;
}

/** The `kubernetes.io` claim of a service account token (KEP-1205, KEP-4193). */
export interface KubernetesClaim {
  namespace: string;
  serviceaccount: NamedUid;
  pod?: NamedUid;
  secret?: NamedUid;
  node?: NamedUid;
  /** Seconds since the epoch after which a use is worth a warning. */
  warnafter?: number;
}

/** Claims whose signature and issuer have been verified; times are seconds since the epoch. */
export interface ServiceAccountClaims {
  sub: string;
  aud: string[];
  exp: number;
  nbf: number;
  jti?: string;
  'kubernetes.io': KubernetesClaim;
  /** A token without audiences and end, that is valid as long as its Secret has it. */
  legacy?: LegacyToken;
}

export interface ServiceAccountTokenRequest extends NamedUid {
  namespace: string;
  audiences: string[];
  expirationSeconds: number;
  /** The token is valid as long as this object is. */
  boundObject?: { kind: 'Pod' | 'Secret' | 'Node' } & NamedUid;
  /** The node of a bound pod. */
  node?: NamedUid;
  warnAfterSeconds?: number;
}

/** Signs and verifies service account tokens with the cluster's key (P-256, ES256). */
export class TokenIssuer {
  readonly issuer: string;
  /** Audiences of the API server itself. */
  readonly apiAudiences: string[];
  readonly #sign: (claims: object) => string;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;
  readonly #clock: Clock;
  readonly #rng: Rng;

  constructor(deps: { privateKeyPem: string; clock: Clock; rng: Rng }, options: { issuer?: string } = {}) {
    this.issuer = options.issuer ?? defaultIssuer;
    this.apiAudiences = [this.issuer];
    this.#sign = tokenSigner(deps.privateKeyPem);
    this.#publicKey = createPublicKey(deps.privateKeyPem);
    this.#keyId = keyIdOf(this.#publicKey);
    this.#clock = deps.clock;
    this.#rng = deps.rng;
  }

  /** A signed token with Kubernetes' claims. The caller has checked that the account and the bound object exist. */
  issueServiceAccountToken(request: ServiceAccountTokenRequest): { token: string; id: string } {
    const now = Math.floor(this.#clock.now() / 1000);
    const id = uuid(this.#rng);
    const token = this.#sign({
      aud: request.audiences,
      exp: now + request.expirationSeconds,
      iat: now,
      iss: this.issuer,
      jti: id,
      'kubernetes.io': kubernetesClaim(request, now),
      nbf: now,
      sub: serviceAccountUserName(request.namespace, request.name),
    });
    return { token, id };
  }

  /** The claims of a token that this cluster signed; undefined for any other text. Audience and dates are not checked. */
  async verify(token: string): Promise<ServiceAccountClaims | undefined> {
    const { compactVerify } = await import('jose');
    try {
      const { payload } = await compactVerify(token, this.#publicKey, { algorithms: [algorithm] });
      const claims = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
      return claimsOf(claims, this.issuer) ?? this.#legacyClaims(claims);
    } catch {
      // A token of another kind, a forged one: not ours. Which it is makes no difference to the caller.
      return undefined;
    }
  }

  #legacyClaims(claims: Record<string, unknown>): ServiceAccountClaims | undefined {
    const legacy = legacyTokenOf(claims);
    if (!legacy) return undefined;
    const { namespace, account } = legacy;
    const own: KubernetesClaim = { namespace, serviceaccount: account };
    const sub = serviceAccountUserName(namespace, account.name);
    return { sub, aud: this.apiAudiences, exp: Number.POSITIVE_INFINITY, nbf: 0, 'kubernetes.io': own, legacy };
  }

  /** The key set published at `/openid/v1/jwks`. */
  jwks(): { keys: object[] } {
    const { kty, crv, x, y } = this.#publicKey.export({ format: 'jwk' });
    return { keys: [{ use: 'sig', kty, kid: this.#keyId, crv, alg: algorithm, x, y }] };
  }

  /** `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0 §4.2). */
  openidConfiguration(): object {
    return {
      issuer: this.issuer,
      jwks_uri: `${this.issuer}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [algorithm],
    };
  }
}

function kubernetesClaim(request: ServiceAccountTokenRequest, now: number): KubernetesClaim {
  const claim: KubernetesClaim = {
    namespace: request.namespace,
    serviceaccount: { name: request.name, uid: request.uid },
  };
  if (request.boundObject) {
    const { kind, name, uid } = request.boundObject;
    const member = { Pod: 'pod', Secret: 'secret', Node: 'node' } as const;
    claim[member[kind]] = { name, uid };
  }
  if (request.node) claim.node = request.node;
  if (request.warnAfterSeconds) claim.warnafter = now + request.warnAfterSeconds;
  return claim;
}

function claimsOf(payload: Record<string, unknown>, issuer: string): ServiceAccountClaims | undefined {
  const own = payload['kubernetes.io'] as KubernetesClaim | undefined;
  if (payload.iss !== issuer || !own?.namespace || !own.serviceaccount?.name) return undefined;
  if (payload.sub !== serviceAccountUserName(own.namespace, own.serviceaccount.name)) return undefined;
  if (typeof payload.exp !== 'number') return undefined;
  const aud = Array.isArray(payload.aud) ? payload.aud.map(String) : [String(payload.aud ?? '')];
  return {
    sub: payload.sub,
    aud,
    exp: payload.exp,
    nbf: typeof payload.nbf === 'number' ? payload.nbf : 0,
    ...(typeof payload.jti === 'string' ? { jti: payload.jti } : {}),
    'kubernetes.io': own,
  };
}
