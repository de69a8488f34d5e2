import { createHash, X509Certificate } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { extendedUsageOids, inspectCertificate, isSignedBy, splitPem } from '../../pki/certificate.ts';
import { credentialIdKey, type UserInfo, withAuthenticated } from './user-info.ts';

interface Identity {
  user: UserInfo;
  notBeforeMs: number;
  notAfterMs: number;
}

/**
 * Client certificates of the cluster CA: the common name is the user, organizations are the groups, an attribute of its own
 * is the UID (AllowParsingUserUIDFromCertAuth); who has two UIDs or an empty one is nobody. Signature, usage and dates are
 * checked here, so a server that accepts any certificate in the handshake is safe. One signature check per connection: the
 * certificate object is remembered as long as the connection holds it.
 */
export class ClientCertificateAuthenticator {
  readonly name = 'client-certificate';
  readonly #authorities: X509Certificate[];
  readonly #clock: Clock;
  readonly #identities = new WeakMap<X509Certificate, Identity | null>();

  constructor(deps: { caPem: string; clock: Clock }) {
    this.#authorities = splitPem(deps.caPem, 'CERTIFICATE').map((pem) => new X509Certificate(pem));
    this.#clock = deps.clock;
  }

  authenticate(certificate: X509Certificate): UserInfo | undefined {
    let identity = this.#identities.get(certificate);
    if (identity === undefined) {
      identity = this.#identify(certificate) ?? null;
      this.#identities.set(certificate, identity);
    }
    const now = this.#clock.now();
    return identity && identity.notBeforeMs <= now && now <= identity.notAfterMs ? identity.user : undefined;
  }

  #identify(certificate: X509Certificate): Identity | undefined {
    if (!this.#authorities.some((ca) => isSignedBy(certificate, ca))) return undefined;
    const info = inspectCertificate(certificate);
    if (!info.extendedUsages.includes(extendedUsageOids['client auth']) || !info.commonName) return undefined;
    const [uid, ...others] = info.userIds;
    if (uid === '' || others.length > 0) return undefined;
    const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
    return {
      user: withAuthenticated({
        name: info.commonName,
        ...(uid ? { uid } : {}),
        groups: info.organizations,
        extra: { [credentialIdKey]: [`X509SHA256=${fingerprint}`] },
      }),
      notBeforeMs: info.notBeforeMs,
      notAfterMs: info.notAfterMs,
    };
  }
}
