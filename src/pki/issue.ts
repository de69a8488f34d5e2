import { isIP } from 'node:net';
import { type ExtendedUsage, extendedUsageOids, userIdOid } from './certificate.ts';
import { ecdsaSha256, generateKeyPem, webCryptoKeys } from './key.ts';
import { loadX509, type X509Library } from './x509.ts';

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** Whom a certificate names: common name is the user, organizations are the groups. */
export interface CertificateSubject {
  commonName: string;
  organizations?: string[];
  /** What tells the user from others who have had the name. */
  userId?: string;
  /** DNS names and IP addresses, mixed. */
  hosts?: string[];
}

export interface Validity {
  notBeforeMs: number;
  notAfterMs: number;
}

/** A self-signed cluster CA (ECDSA P-256). */
export async function createAuthority(commonName: string, validity: Validity): Promise<KeyPair> {
  const x509 = await loadX509();
  const key = generateKeyPem();
  const keys = await webCryptoKeys(key);
  const { KeyUsageFlags } = x509;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: subjectName({ commonName }),
    keys,
    signingAlgorithm: ecdsaSha256,
    ...dates(validity),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment | KeyUsageFlags.keyCertSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pem(certificate), key };
}

/** A certificate with a fresh key, signed by `ca`. */
export async function issueCertificate(
  ca: KeyPair,
  request: CertificateSubject & Validity & { usages: ExtendedUsage[] },
): Promise<KeyPair> {
  const x509 = await loadX509();
  const key = generateKeyPem();
  const { publicKey } = await webCryptoKeys(key);
  const hosts = request.hosts?.length ? [alternativeNames(x509, request.hosts)] : [];
  const cert = await sign(ca, {
    ...request,
    subject: new x509.Name(subjectName(request)),
    publicKey,
    keyUsages: x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
    extendedUsages: request.usages,
    extensions: hosts,
  });
  return { cert, key };
}

/** What `sign` puts under the authority's signature. */
export interface CertificateTemplate extends Validity {
  subject: InstanceType<X509Library['Name']>;
  publicKey: Parameters<X509Library['SubjectKeyIdentifierExtension']['create']>[0];
  keyUsages: number;
  extendedUsages: ExtendedUsage[];
  /** Alternative names, if any. */
  extensions: InstanceType<X509Library['Extension']>[];
}

/** Signs a leaf certificate; the issuer name is taken over byte for byte from the CA. */
export async function sign(ca: KeyPair, template: CertificateTemplate): Promise<string> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(ca.cert);
  const { privateKey } = await webCryptoKeys(ca.key);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: template.subject,
    issuer: issuer.subjectName,
    publicKey: template.publicKey,
    signingKey: privateKey,
    signingAlgorithm: ecdsaSha256,
    ...dates(template),
    extensions: [
      new x509.KeyUsagesExtension(template.keyUsages, true),
      new x509.ExtendedKeyUsageExtension(template.extendedUsages.map((usage) => extendedUsageOids[usage])),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...template.extensions,
    ],
  });
  return pem(certificate);
}

/** Organizations, common name, UID: each its own part. Throws on characters that would need quoting. */
export function subjectName({
  commonName,
  organizations = [],
  userId,
}: CertificateSubject): Record<string, string[]>[] {
  const ids = userId === undefined ? [] : [userId];
  for (const value of [commonName, ...organizations, ...ids]) {
    if (!/^[\w.:@/-]+$/.test(value)) throw new Error(`not a plain certificate name: ${JSON.stringify(value)}`);
  }
  return [
    ...organizations.map((group) => ({ O: [group] })),
    { CN: [commonName] },
    ...ids.map((id) => ({ [userIdOid]: [id] })),
  ];
}

export const alternativeNames = (
  x509: X509Library,
  hosts: string[],
): InstanceType<X509Library['SubjectAlternativeNameExtension']> =>
  new x509.SubjectAlternativeNameExtension(
    hosts.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
  );

const dates = (validity: Validity): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(validity.notBeforeMs),
  notAfter: new Date(validity.notAfterMs),
});

const pem = (certificate: { toString(format: 'pem'): string }): string => `${certificate.toString('pem')}\n`;
