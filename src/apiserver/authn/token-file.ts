import { createHash } from 'node:crypto';
import type { TokenAuthenticator, TokenIdentity } from './authenticator.ts';
import type { UserInfo } from './user-info.ts';

const digest = (token: string): string => createHash('sha256').update(token).digest('base64');

/** Tokens that a file names, for as long as the server runs: `token,user,uid,"group1,group2"` a line. */
export class TokenFileAuthenticator implements TokenAuthenticator {
  readonly name = 'token-file';
  /** By the hash of the token: how long a look-up takes says nothing of it. */
  readonly #users: ReadonlyMap<string, UserInfo>;

  constructor(text: string) {
    this.#users = parseTokenFile(text);
  }

  authenticateToken(token: string): Promise<TokenIdentity | undefined> {
    const user = this.#users.get(digest(token));
    return Promise.resolve(user && { user });
  }
}

/** Throws an Error that names the line. */
export function parseTokenFile(text: string): Map<string, UserInfo> {
  const users = new Map<string, UserInfo>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [token = '', name = '', uid = '', groups = ''] = csvFields(line);
    if (!token || !name) throw new Error(`line ${i + 1}: a token and a user name are needed: token,user,uid,"groups"`);
    const groupNames = groups.split(',').filter(Boolean);
    users.set(digest(token), { name, groups: groupNames, ...(uid ? { uid } : {}) });
  }
  return users;
}

/** The fields of a line; in quotes a comma is a comma, and two quotes are one (RFC 4180). */
const csvFields = (line: string): string[] =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, bare = '']) =>
    quoted === undefined ? bare.trim() : quoted.replaceAll('""', '"'),
  );
