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
    const sent = rawHeaders[i] as string;
    if (!mayIdentify(sent)) continue;
    const name = sent.toLowerCase();
    if (identity.test(name)) (lists[name] ??= []).push(rawHeaders[i + 1] as string);
  }
  return lists;
}

/** Most headers do not even begin like one of these: I, X. */
const mayIdentify = (name: string): boolean => {
  const first = name.charCodeAt(0) | 0x20;
  return first === 0x69 || first === 0x78;
};

/** The bearer token of a connection, the same object as long as its requests bring the same one. */
export interface BearerCredential {
  readonly authorization: string;
  /** Undefined: it is of another scheme. */
  readonly token: string | undefined;
}

/** The credentials of a request, as they arrived. */
export interface AuthRequest {
  /** The client's certificate of this connection, verified or not: the authenticator verifies it. */
  peerCertificate?: X509Certificate;
  bearer?: BearerCredential | undefined;
  headers?: HeaderLists;
  /** Without the query. */
  path?: string;
}

/** Who holds a token and for which of the asked audiences. */
export interface TokenIdentity {
  user: UserInfo;
  audiences?: string[];
}

/**
 * Recognises one kind of bearer token: undefined when it is not one of its own, or not valid. With `credential`, what is
 * found out about the token may be remembered for that object.
 */
export interface TokenAuthenticator {
  readonly name: string;
  authenticateToken(
    token: string,
    audiences: readonly string[],
    credential?: BearerCredential,
  ): TokenIdentity | undefined | Promise<TokenIdentity | undefined>;
}

/** What an `Authorization` header brings: the token of a `Bearer`, nothing of other schemes. */
export const bearerCredential = (authorization: string): BearerCredential => ({
  authorization,
  token: /^bearer +(\S+)\s*$/i.exec(authorization)?.[1],
});
