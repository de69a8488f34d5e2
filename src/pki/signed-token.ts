import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { spkiOf } from './key.ts';

/** ECDSA with P-256 and SHA-256 (RFC 7518 §3.4). */
export const tokenAlgorithm = 'ES256';

/** The id of a key as Kubernetes computes it: a hash of the DER public key. */
export const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256').update(spkiOf(publicKey)).digest('base64url');

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs claims with a P-256 key: a JSON Web Token (RFC 7519). */
export function tokenSigner(privateKeyPem: string): (claims: object) => string {
  const key = createPrivateKey(privateKeyPem);
  const header = part({ alg: tokenAlgorithm, kid: keyIdOf(createPublicKey(key)) });
  return (claims) => {
    const text = `${header}.${part(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
}
