import { randomBytes } from 'node:crypto';

/** Chance as an argument. Simulations pass a seeded one, a real cluster the machine's. */
export interface Rng {
  /** A number in [0, 1). */
  next(): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** Cryptographically strong randomness from the operating system. */
export const machineRng: Rng = {
  next: () => randomBytes(4).readUInt32BE() / 2 ** 32,
  bytes: (count) => randomBytes(count),
};

/** The same seed gives the same sequence (mulberry32). Never for secrets. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)) };
}

/** A stream of its own, begun by one draw: what is drawn from either afterwards does not change the other. Never for secrets. */
export const streamOf = (rng: Rng): Rng => seededRng(Buffer.from(rng.bytes(4)).readUInt32BE());

/** A random (version 4) UUID, RFC 9562. */
export function uuid(rng: Rng): string {
  const bytes = rng.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A suffix as Kubernetes makes for `generateName`: no vowels, and no digits that look like letters. */
export function randomSuffix(rng: Rng, length = 5): string {
  return Array.from(rng.bytes(length), (b) => suffixAlphabet[b % suffixAlphabet.length]).join('');
}
