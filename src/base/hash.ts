/** FNV-1a, 32 bits, of a text's UTF-8 bytes; `seed` gives other families. Spreads, hides nothing. */
export function fnv1a(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
