import type { X509Certificate } from 'node:crypto';
import type { UserInfo } from './user-info.ts';

/** The credentials of a request, as they arrived. */
export interface AuthRequest {
  /** The client's certificate of this connection, verified or not: the authenticator verifies it. */
  peerCertificate?: X509Certificate;
  /** The `Authorization` header. */
  authorization?: string;
}

/** Who holds a token and for which of the asked audiences. */
export interface TokenIdentity {
  user: UserInfo;
  audiences?: string[];
}

/** Recognises one kind of bearer token: undefined when it is not one of its own, or not valid. */
export interface TokenAuthenticator {
  readonly name: string;
  authenticateToken(token: string, audiences: readonly string[]): Promise<TokenIdentity | undefined>;
}

/** The token of a `Bearer` authorization; undefined for other schemes and for none. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const match = /^bearer +(\S+)\s*$/i.exec(authorization ?? '');
  return match?.[1];
}
