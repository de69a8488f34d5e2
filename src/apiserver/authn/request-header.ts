import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { HeaderValues } from '../passed-headers.ts';
import type { HeaderLists } from './authenticator.ts';
import { ClientCertificateAuthenticator } from './client-certificate.ts';
import type { UserInfo } from './user-info.ts';

const extraPrefix = 'x-remote-extra-';

/** How aggregated servers are to read what the front proxy tells them: keys of `extension-apiserver-authentication`. */
export const requestHeaderNames = {
  'requestheader-username-headers': ['X-Remote-User'],
  'requestheader-uid-headers': ['X-Remote-Uid'],
  'requestheader-group-headers': ['X-Remote-Group'],
  'requestheader-extra-headers-prefix': ['X-Remote-Extra-'],
};

/** Who a request is from, told by a server that has found it out: the holder of the one certificate that may say so. */
export class RequestHeaderAuthenticator {
  readonly #proxies: ClientCertificateAuthenticator;
  readonly #allowedName: string;

  constructor(deps: { caPem: string; clock: Clock }, options: { allowedName: string }) {
    this.#proxies = new ClientCertificateAuthenticator(deps);
    this.#allowedName = options.allowedName;
  }

  authenticate(certificate: X509Certificate, headers: HeaderLists): UserInfo | undefined {
    const name = headers['x-remote-user']?.[0];
    if (!name || this.#proxies.authenticate(certificate)?.name !== this.#allowedName) return undefined;
    const uid = headers['x-remote-uid']?.[0];
    const extra = extrasOf(headers, extraPrefix);
    return { name, groups: headers['x-remote-group'] ?? [], ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
  }
}

/** The headers that tell another server who asks. */
export function remoteHeaders({ name, uid, groups, extra = {} }: UserInfo): HeaderValues {
  const headers: HeaderValues = { 'x-remote-user': name, 'x-remote-group': [...groups] };
  if (uid) headers['x-remote-uid'] = uid;
  for (const [key, values] of Object.entries(extra))
    headers[`${extraPrefix}${encodeURIComponent(key).toLowerCase()}`] = [...values];
  return headers;
}

/** Headers whose names end in a percent-encoded key; undefined without any. */
export function extrasOf(headers: HeaderLists, prefix: string): Record<string, string[]> | undefined {
  const found = Object.entries(headers).filter(([name]) => name.startsWith(prefix));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([name, values]) => [decodeKey(name.slice(prefix.length)), values ?? []]));
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
