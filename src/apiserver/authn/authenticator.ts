import type { X509Certificate } from 'node:crypto';
import type { HttpRequest } from '../body.ts';
import { identity } from '../passed-headers.ts';
import type { UserInfo } from './user-info.ts';

/** The headers that say who asks or whom he acts for, by their names in lower case, each with all its values in order. */
export type HeaderLists = Readonly<Record<string, string[] | undefined>>;

/** Node joins the values of headers that repeat; groups may have commas in their names. */
export function headerLists({ rawHeaders }: Pick<HttpRequest, 'rawHeaders'>): HeaderLists {
  const lists: Record<string, string[]> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!identity.test(name)) continue;
    (lists[name] ??= []).push(rawHeaders[i + 1] as string);
  }
  return lists;
}

/** The credentials of a request, as they arrived. */
export interface AuthRequest {
  /** The client's certificate of this connection, verified or not: the authenticator verifies it. */
  peerCertificate?: X509Certificate;
  /** The `Authorization` header. */
  authorization?: string;
  headers?: HeaderLists;
  /** Without the query. */
  path?: string;
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
