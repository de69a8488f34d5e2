import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Secret } from '../api/generated/types.ts';
import type { ObjectKey } from '../api/resource.ts';

/** What a Secret of type kubernetes.io/tls holds, ready to be served, or why it cannot be. */
export type CertificatePair = { pem: string } | { problem: string };

const certificateBlocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const smallestRsaKey = 2048;
const curves = ['prime256v1', 'secp384r1', 'secp521r1'];

/** Signatures that OpenSSL refuses at Debian's security level 2 (SSL_CTX_set_security_level(3)): MD5 and SHA-1, as DER. */
const weakSignatures = ['2a864886f70d010104', '2a864886f70d010105', '2a8648ce3d0401'].map((hex) =>
  Buffer.from(hex, 'hex'),
);

/** Where certificates are found, by their Secret. */
export interface CertificateView {
  certificate(key: ObjectKey): CertificatePair;
}

/**
 * Looks at everything that would keep haproxy from loading it: one Secret that is wrong must not stop the others. Reads no
 * clock: what has expired is served, as clients say it best.
 */
export function certificatePairOf({ data = {}, metadata }: Secret): CertificatePair {
  const name = `secret "${metadata.namespace}/${metadata.name}"`;
  const [chain, key] = ['tls.crt', 'tls.key'].map((field) => Buffer.from(data?.[field] ?? '', 'base64').toString());
  try {
    const problem = pairProblem(chain as string, createPrivateKey(key as string));
    if (problem) return { problem: `${name} ${problem}` };
  } catch {
    return { problem: `${name} holds no certificate with its key` };
  }
  return { pem: `${(chain?.match(certificateBlocks) ?? []).join('\n')}\n${key?.trim()}\n` };
}

function pairProblem(chain: string, key: KeyObject): string | undefined {
  const certificates = (chain.match(certificateBlocks) ?? []).map((block) => new X509Certificate(block));
  if (!certificates[0]?.checkPrivateKey(key)) return 'holds a certificate and the key of another';
  const isWeak = certificates.some((c) => !isStrong(c.publicKey) || weakSignatures.some((oid) => c.raw.includes(oid)));
  return isWeak
    ? `is too weak: RSA of ${smallestRsaKey} bits, P-256, P-384, P-521 or Ed25519, SHA-256 or better`
    : undefined;
}

function isStrong({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa') return (details?.modulusLength ?? 0) >= smallestRsaKey;
  return asymmetricKeyType === 'ec' ? curves.includes(details?.namedCurve ?? '') : asymmetricKeyType === 'ed25519';
}
