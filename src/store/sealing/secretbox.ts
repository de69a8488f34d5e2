/**
 * NaCl's secretbox: XSalsa20 hides, Poly1305 notices changes (D. J. Bernstein, "Cryptography in NaCl", 2009). OpenSSL has no
 * Salsa20, hence here. Boxes are the 16 bytes of the tag, then the text.
 */
export const secretboxKeyBytes = 32;
export const secretboxNonceBytes = 24;
const tagBytes = 16;

export function sealBox(plain: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer {
  // The first 32 bytes of the stream are the key of the tag.
  const padded = Buffer.concat([Buffer.alloc(32), plain]);
  const stream = xsalsa20(padded, nonce, key);
  const text = stream.subarray(32);
  return Buffer.concat([poly1305(text, stream.subarray(0, 32)), text]);
}

/** Throws where the box was made with another key, or changed since. */
export function openBox(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer {
  const [tag, text] = [box.subarray(0, tagBytes), box.subarray(tagBytes)];
  const stream = xsalsa20(Buffer.concat([Buffer.alloc(32), text]), nonce, key);
  const wanted = poly1305(text, xsalsa20(Buffer.alloc(32), nonce, key));
  let different = box.length < tagBytes ? 1 : 0;
  for (let i = 0; i < tagBytes; i++) different |= (tag[i] ?? 0) ^ (wanted[i] ?? 0);
  if (different !== 0) throw new Error('the box is not genuine');
  return stream.subarray(32);
}

/** "expand 32-byte k", as little-endian words. */
const sigma = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24) | 0;

const words = (bytes: Uint8Array): number[] => Array.from({ length: bytes.length / 4 }, (_, i) => word(bytes, 4 * i));

/** Salsa20's matrix: constants on the diagonal, the key around, 16 bytes of input in the middle. */
function matrix(key: Uint8Array, input: readonly number[]): Int32Array {
  const k = words(key);
  const [s0, s1, s2, s3] = sigma;
  return Int32Array.from([s0, ...k.slice(0, 4), s1, ...input, s2, ...k.slice(4), s3]);
}

/** Each quarter round: which words, in the order of columns, then of rows. */
const quarters = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

const rotated = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** Twenty rounds, in place. */
function rounds(x: Int32Array): void {
  const at = (i: number): number => x[i] as number;
  for (let i = 0; i < 10; i++)
    for (const [a, b, c, d] of quarters) {
      x[b] = at(b) ^ rotated((at(a) + at(d)) | 0, 7);
      x[c] = at(c) ^ rotated((at(b) + at(a)) | 0, 9);
      x[d] = at(d) ^ rotated((at(c) + at(b)) | 0, 13);
      x[a] = at(a) ^ rotated((at(d) + at(c)) | 0, 18);
    }
}

const bytesOf = (numbers: Iterable<number>): Buffer => {
  const list = [...numbers];
  const bytes = Buffer.alloc(4 * list.length);
  for (const [i, value] of list.entries()) bytes.writeInt32LE(value | 0, 4 * i);
  return bytes;
};

/** The key that a long nonce makes of a key. */
function hsalsa20(nonce: Uint8Array, key: Uint8Array): Buffer {
  const x = matrix(key, words(nonce.subarray(0, 16)));
  rounds(x);
  return bytesOf([0, 5, 10, 15, 6, 7, 8, 9].map((i) => x[i] as number));
}

/** The text with the key stream over it. */
function xsalsa20(text: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer {
  const inner = hsalsa20(nonce, key);
  const rest = words(nonce.subarray(16, 24));
  const out = Buffer.from(text);
  for (let block = 0; 64 * block < text.length; block++) {
    const start = matrix(inner, [...rest, block, 0]);
    const x = Int32Array.from(start);
    rounds(x);
    for (let i = 0; i < 64 && 64 * block + i < text.length; i++) {
      const value = ((x[i >> 2] as number) + (start[i >> 2] as number)) >>> (8 * (i & 3));
      out[64 * block + i] = (out[64 * block + i] as number) ^ (value & 0xff);
    }
  }
  return out;
}

const prime = (1n << 130n) - 5n;
const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

const littleEndian = (bytes: Uint8Array): bigint =>
  bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);

/** The tag of a text under a key that is used once. */
function poly1305(text: Uint8Array, key: Uint8Array): Buffer {
  const r = littleEndian(key.subarray(0, 16)) & clamp;
  let sum = 0n;
  for (let at = 0; at < text.length; at += 16) {
    const block = text.subarray(at, at + 16);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % prime;
  }
  const tag = (sum + littleEndian(key.subarray(16, 32))) & ((1n << 128n) - 1n);
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}
