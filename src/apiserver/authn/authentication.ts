import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { ObjectReader } from '../object-reader.ts';
import { anonymous } from './anonymous.ts';
import type { AnonymousConfig } from './authentication-config.ts';
import type { AuthRequest, BearerCredential, HeaderLists, TokenAuthenticator, TokenIdentity } from './authenticator.ts';
import { frontProxyName } from '../../pki/cluster-pki.ts';
import { BootstrapTokenAuthenticator } from './bootstrap-token.ts';
import { ClientCertificateAuthenticator } from './client-certificate.ts';
import { RequestHeaderAuthenticator } from './request-header.ts';
import { type NoteTokenUse, ServiceAccountAuthenticator } from './service-account.ts';
import type { TokenIssuer } from './token-issuer.ts';
import { type UserInfo, withAuthenticated } from './user-info.ts';

export interface AuthenticationDeps {
  caPem: string;
  issuer: TokenIssuer;
  read: ObjectReader;
  clock: Clock;
  noteTokenUse?: NoteTokenUse | undefined;
  /** PEM: signs the certificates of servers whose word on who asks is taken. */
  frontProxyCaPem?: string | undefined;
}

export interface AuthenticationOptions {
  /** Requests without a credential become `system:anonymous`: all, unless told. */
  anonymous?: AnonymousConfig;
  /** Kinds of tokens that are asked before the cluster's own, and after them. */
  before?: readonly TokenAuthenticator[];
  after?: readonly TokenAuthenticator[];
}

interface Asked {
  token: string;
  audiences: readonly string[];
  credential?: BearerCredential;
}

/** Finds out who sends a request: another server's word first, the certificate, then the bearer token, then nobody. */
export class Authentication {
  readonly #headers: RequestHeaderAuthenticator | undefined;
  readonly #certificates: ClientCertificateAuthenticator;
  #tokens: readonly TokenAuthenticator[] = [];
  readonly #apiAudiences: string[];
  readonly #own: readonly TokenAuthenticator[];
  #anonymous: AnonymousConfig = { enabled: true };

  constructor(deps: AuthenticationDeps, options: AuthenticationOptions = {}) {
    const { frontProxyCaPem: caPem, clock } = deps;
    this.#headers = caPem
      ? new RequestHeaderAuthenticator({ caPem, clock }, { allowedName: frontProxyName })
      : undefined;
    this.#certificates = new ClientCertificateAuthenticator(deps);
    this.#own = [new ServiceAccountAuthenticator(deps), new BootstrapTokenAuthenticator(deps)];
    this.#apiAudiences = deps.issuer.apiAudiences;
    this.configure(options);
  }

  /** Who else is believed, from the next request on. */
  configure({ before = [], after = [], anonymous: allowed = { enabled: true } }: AuthenticationOptions): void {
    this.#tokens = [...before, ...this.#own, ...after];
    this.#anonymous = allowed;
  }

  /**
   * The user; undefined (401 Unauthorized) when there is a credential and it is not valid. At once where nobody has to be
   * asked: what is remembered of a user can be kept by its object.
   */
  authenticate(request: AuthRequest): UserInfo | undefined | Promise<UserInfo | undefined> {
    const byCertificate = request.peerCertificate && this.#byCertificate(request.peerCertificate, request.headers);
    if (byCertificate) return byCertificate;
    const { bearer } = request;
    if (!bearer?.token) return this.#isOpen(request) ? anonymous : undefined;
    const found = this.#ask({ token: bearer.token, audiences: this.#apiAudiences, credential: bearer }, 0);
    return found instanceof Promise ? found.then((identity) => identity?.user) : found?.user;
  }

  /** Whether nobody in particular may come, and to this path. */
  #isOpen({ peerCertificate, path = '' }: AuthRequest): boolean {
    const { enabled, conditions = [] } = this.#anonymous;
    return enabled && !peerCertificate && (conditions.length === 0 || conditions.some((one) => one.path === path));
  }

  /** Who holds this token, for requests and for TokenReview; `audiences` default to the API server's own. */
  async authenticateToken(
    token: string,
    audiences: readonly string[] = this.#apiAudiences,
  ): Promise<TokenIdentity | undefined> {
    return this.#ask({ token, audiences }, 0);
  }

  /** The authenticators from `first` on, in their order. */
  #ask(
    asked: Asked,
    first: number,
    all: readonly TokenAuthenticator[] = this.#tokens,
  ): TokenIdentity | undefined | Promise<TokenIdentity | undefined> {
    const { token, audiences, credential } = asked;
    for (let i = first; i < all.length; i++) {
      const found = all[i]?.authenticateToken(token, audiences, credential);
      if (found instanceof Promise) {
        return found.then((identity) => this.#accepted(identity, audiences) ?? this.#ask(asked, i + 1, all));
      }
      const accepted = this.#accepted(found, audiences);
      if (accepted) return accepted;
    }
    return undefined;
  }

  /** Tokens without audiences of their own are for the API server. */
  #accepted(identity: TokenIdentity | undefined, audiences: readonly string[]): TokenIdentity | undefined {
    if (!identity) return undefined;
    const matching = identity.audiences ?? this.#apiAudiences.filter((audience) => audiences.includes(audience));
    return matching.length > 0 ? { user: withAuthenticated(identity.user), audiences: matching } : undefined;
  }

  #byCertificate(certificate: X509Certificate, headers: HeaderLists = {}): UserInfo | undefined {
    const user = this.#headers?.authenticate(certificate, headers) ?? this.#certificates.authenticate(certificate);
    return user && withAuthenticated(user);
  }
}
