import { type Rng, seededRng } from '../base/rng.ts';

/** A stream of chance of its own for each part: what one part draws does not change what another gets. FNV-1a. */
export function rngFor(seed: number, part: string): Rng {
  let hash = 0x811c9dc5 ^ seed;
  for (const char of part) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return seededRng(hash);
}
