import { fnv1a } from '../base/hash.ts';
import { type Rng, seededRng } from '../base/rng.ts';

/** A stream of chance of its own for each part: what one part draws does not change what another gets. */
export const rngFor = (seed: number, part: string): Rng => seededRng(fnv1a(part, seed));
