import { randomBytes, randomFillSync } from 'node:crypto';

/** Chance as an argument. Simulations pass a seeded one, a real cluster the machine's. */
export interface Rng {
  /** A number in [0, 1). */
  next(): number;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** Bytes asked of the system at a time: a call costs as much as some hundred bytes. */
const poolSize = 4096;

/** Cryptographically strong randomness from the operating system. */
export const machineRng: Rng = pooledRng();

/** Every byte is handed out once, and forgotten here. */
function pooledRng(): Rng {
  let pool = new Uint8Array(0);
  let used = 0;
  const bytes = (count: number): Uint8Array => {
    if (count > poolSize) return randomBytes(count);
    if (used + count > pool.length) {
      pool = randomFillSync(new Uint8Array(poolSize));
      used = 0;
    }
    const taken = pool.slice(used, used + count);
    pool.fill(0, used, used + count);
    used += count;
    return taken;
  };
  const next = () => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes(4);
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) / 2 ** 32;
  };
  return { next, bytes };
}

/** The same seed gives the same sequence (mulberry32). Never for secrets. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const bytes = (count: number) => {
    const drawn = new Uint8Array(count);
    for (let i = 0; i < count; i++) drawn[i] = Math.floor(next() * 256);
    return drawn;
  };
  return { next, bytes };
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
