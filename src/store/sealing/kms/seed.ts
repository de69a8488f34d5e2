import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { Rng } from '../../../base/rng.ts';

export const seedBytes = 32;
const infoBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const algorithm = 'aes-256-gcm';

/** HKDF with SHA-256, its second half (RFC 5869 §2.3): one block is a key. Seeds are random, there is nothing to extract. */
const keyOf = (seed: Buffer, info: Buffer): Buffer =>
  createHmac('sha256', seed).update(info).update(Buffer.of(1)).digest();

/**
 * Seals under a key of its own, made of the seed and 32 random bytes that stand before the box: one seed is good for as many writes
 * as a server ever does. As Kubernetes does it: info, nonce, AES-256-GCM.
 */
export function sealWithSeed(seed: Buffer, { plain, context }: { plain: Buffer; context: Buffer }, rng: Rng): Buffer {
  const info = Buffer.from(rng.bytes(infoBytes));
  const nonce = rng.bytes(nonceBytes);
  const cipher = createCipheriv(algorithm, keyOf(seed, info), nonce).setAAD(context);
  return Buffer.concat([info, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws where it was sealed with another seed, changed since, or put elsewhere. */
export function openWithSeed(seed: Buffer, sealed: Buffer, context: Buffer): Buffer {
  const info = sealed.subarray(0, infoBytes);
  const nonce = sealed.subarray(infoBytes, infoBytes + nonceBytes);
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(algorithm, keyOf(seed, info), nonce);
  decipher.setAAD(context).setAuthTag(sealed.subarray(end));
  return Buffer.concat([decipher.update(sealed.subarray(infoBytes + nonceBytes, end)), decipher.final()]);
}
