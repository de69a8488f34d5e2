import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { spkiOf } from './key.ts';

/** Extended key usages by their Kubernetes names (certificates.k8s.io KeyUsage), RFC 5280 §4.2.1.12. */
export const extendedUsageOids = {
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
} as const;
export type ExtendedUsage = keyof typeof extendedUsageOids;

/** The attribute of a subject that holds a user's UID, under the number of the Cloud Native Computing Foundation. */
export const userIdOid = '1.3.6.1.4.1.57683.2';

/** What knarr asks of a certificate. Times are epoch milliseconds. */
export interface CertificateInfo {
  commonName: string;
  organizations: string[];
  /** Values of `userIdOid`: one at most, if the certificate is to name a user. */
  userIds: string[];
  dnsNames: string[];
  ipAddresses: string[];
  extendedUsages: string[];
  notBeforeMs: number;
  notAfterMs: number;
  isCa: boolean;
}

/** Reads a certificate without the X.509 library. Throws when the PEM cannot be parsed. */
export function inspectCertificate(certificate: string | Buffer | X509Certificate): CertificateInfo {
  const parsed = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
  const given = parsed.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined> | undefined;
  // Node gives none at all where one of its values is not a text.
  const subject = given ?? {};
  const names = alternativeNames(parsed.subjectAltName ?? '');
  return {
    commonName: list(subject.CN).at(-1) ?? '',
    organizations: list(subject.O),
    userIds: list(subject[userIdOid]),
    dnsNames: names.filter((n) => n.type === 'DNS').map((n) => n.value),
    ipAddresses: names.filter((n) => n.type === 'IP Address').map((n) => canonicalIp(n.value)),
    // Node names the extended key usages `keyUsage`.
    extendedUsages: (parsed.keyUsage as string[] | undefined) ?? [],
    notBeforeMs: Date.parse(parsed.validFrom),
    notAfterMs: Date.parse(parsed.validTo),
    isCa: parsed.ca,
  };
}

const list = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

/** Node prints `DNS:a, IP Address:1.2.3.4`; values that would be ambiguous are JSON strings. */
function alternativeNames(text: string): { type: string; value: string }[] {
  return [...text.matchAll(/(DNS|IP Address|URI|email):("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(
    ([, type = '', value = '']) => ({
      type,
      value: value.startsWith('"') ? (JSON.parse(value) as string) : value,
    }),
  );
}

/** One spelling per address: IPv4 as is, IPv6 as the URL parser of the platform compresses it (RFC 5952). */
export function canonicalIp(address: string): string {
  if (!address.includes(':')) return address;
  return URL.canParse(`http://[${address}]`) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** True when `key` is the private key of `certificate`; false too when either cannot be read. */
export function belongsTogether(certificatePem: string, keyPem: string): boolean {
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

/** True when `ca` signed `certificate`. Dates and usages are not looked at. */
export function isSignedBy(certificate: X509Certificate, ca: X509Certificate): boolean {
  return certificate.checkIssued(ca) && certificate.verify(ca.publicKey);
}

/** True once less than `fraction` of the whole life is left (or the certificate is not valid yet, or no more). */
export function expiresSoon(certificatePem: string, clock: Clock, fraction = 0.2): boolean {
  const { notBeforeMs, notAfterMs } = inspectCertificate(certificatePem);
  const now = clock.now();
  return now < notBeforeMs || notAfterMs - now < (notAfterMs - notBeforeMs) * fraction;
}

/** `sha256:<hex>` of the certificate's public key, as kubeadm pins a CA (`--discovery-token-ca-cert-hash`). */
export const caHash = (certificatePem: string): string =>
  `sha256:${createHash('sha256')
    .update(spkiOf(new X509Certificate(certificatePem).publicKey))
    .digest('hex')}`;

/** The one of a bundle's certificates whose public key is pinned by `hash`; undefined when none is. */
export function pinnedCertificate(bundlePem: string, hash: string): string | undefined {
  return splitPem(bundlePem, 'CERTIFICATE').find((pem) => caHash(pem) === hash.toLowerCase());
}

/** The PEM blocks with this label, in order. */
export function splitPem(text: string, label: string): string[] {
  const block = new RegExp(`-----BEGIN ${label}-----[\\s\\S]*?-----END ${label}-----\n?`, 'g');
  return text.match(block) ?? [];
}
