import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Rng } from '../../base/rng.ts';
import { openBox, sealBox, secretboxNonceBytes } from './secretbox.ts';

/** Seals bytes and opens them again. What it made begins with its prefix. */
export interface Provider {
  /** `k8s:enc:aescbc:v1:key1:`; empty: it leaves bytes as they are. */
  readonly prefix: string;
  seal(plain: Buffer, context: Buffer, rng: Rng): Buffer;
  /** What comes after the prefix. Throws where it was sealed with another key, or changed since. */
  open(sealed: Buffer, context: Buffer): Buffer;
  /** Where somebody has to be asked before it can be opened; undefined: nobody has. Rejects with an Error that says who failed. */
  prepare?(sealed: Buffer): Promise<void> | undefined;
  /** The prefix and the key that it seals with now, where the key changes by itself. */
  readonly sealNow?: string | undefined;
  /** The same of what it has sealed. */
  sealOf?(sealed: Buffer): string;
  /** Why nothing may be written with it for now; undefined: it may. */
  refusal?(): string | undefined;
}

/** What every sealed value begins with. */
export const sealedPrefix = 'k8s:enc:';

export const identity: Provider = { prefix: '', seal: (plain) => plain, open: (sealed) => sealed };

const ivBytes = 16;

/** AES in CBC mode with PKCS #7 padding. It hides, and does not notice changes. */
export function aesCbc(name: string, key: Buffer): Provider {
  const algorithm = `aes-${key.length * 8}-cbc`;
  return {
    prefix: `${sealedPrefix}aescbc:v1:${name}:`,
    seal(plain, _context, rng) {
      const iv = rng.bytes(ivBytes);
      const cipher = createCipheriv(algorithm, key, iv);
      return Buffer.concat([iv, cipher.update(plain), cipher.final()]);
    },
    open(sealed) {
      const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, ivBytes));
      return Buffer.concat([decipher.update(sealed.subarray(ivBytes)), decipher.final()]);
    },
  };
}

const nonceBytes = 12;
const tagBytes = 16;

/** AES in GCM: changes are noticed, also when one object's bytes are put in another's place. Random nonces: at most 200,000 writes a key. */
export function aesGcm(name: string, key: Buffer): Provider {
  const algorithm = `aes-${key.length * 8}-gcm` as 'aes-256-gcm';
  return {
    prefix: `${sealedPrefix}aesgcm:v1:${name}:`,
    seal(plain, context, rng) {
      const nonce = rng.bytes(nonceBytes);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(context);
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, context) {
      const end = sealed.length - tagBytes;
      const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes));
      decipher.setAAD(context).setAuthTag(sealed.subarray(end));
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, end)), decipher.final()]);
    },
  };
}

/** NaCl's secretbox: changes are noticed. Nonces are long enough to be random for ever. */
export const secretbox = (name: string, key: Buffer): Provider => ({
  prefix: `${sealedPrefix}secretbox:v1:${name}:`,
  seal(plain, _context, rng) {
    const nonce = rng.bytes(secretboxNonceBytes);
    return Buffer.concat([nonce, sealBox(plain, nonce, key)]);
  },
  open: (sealed) => openBox(sealed.subarray(secretboxNonceBytes), sealed.subarray(0, secretboxNonceBytes), key),
});
