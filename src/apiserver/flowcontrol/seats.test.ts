import { describe, expect, it } from 'vitest';
import { seededRng } from '../../base/rng.ts';
import { boundsOf, seatsByDemand } from './seats.ts';

const shares = [
  { nominal: 30, lendablePercent: 33 },
  { nominal: 10, lendablePercent: 0 },
  { nominal: 100, lendablePercent: 90, borrowingLimitPercent: 50 },
  { nominal: 5, lendablePercent: 0 },
];
const bounds = boundsOf(600, shares);

describe('seats', () => {
  it('are shared by nominal shares, rounded up as upstream', () => {
    expect(bounds).toEqual([
      { nominal: 125, min: 84, max: 600 },
      { nominal: 42, min: 42, max: 600 },
      { nominal: 414, min: 41, max: 621 },
      { nominal: 21, min: 21, max: 600 },
    ]);
  });

  it('go to who asks for them: lenders keep what they must not lend', () => {
    const byDemand = (...demands: number[]) =>
      seatsByDemand(
        600,
        bounds.map((b, i) => ({ bounds: b, demand: demands[i] ?? 0 })),
      );
    const [system, election, low, last] = byDemand(0, 0, 5000, 0) as [number, number, number, number];
    expect([system, election, last]).toEqual([84, 42, 21]);
    expect(low).toBe(600 - 84 - 42 - 21);
    const idleLow = byDemand(2000, 0, 10, 0);
    expect(idleLow[2]).toBe(41);
    expect(idleLow[0]).toBe(600 - 41 - 42 - 21);
  });

  it('are never fewer than its own for a level that wants them, never more than there are', () => {
    const rng = seededRng(7);
    for (let i = 0; i < 500; i++) {
      const levels = bounds.map((b) => ({ bounds: b, demand: Math.floor(rng.next() * 900) }));
      const seats = seatsByDemand(600, levels);
      // Nominal seats are rounded up, so that the sum may be a little more than the total.
      const owed = levels.reduce((sum, { bounds: b, demand }) => sum + Math.max(b.min, Math.min(b.nominal, demand)), 0);
      expect(seats.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(Math.max(600, owed) + levels.length);
      levels.forEach(({ bounds: b, demand }, at) => {
        expect(seats[at]).toBeGreaterThanOrEqual(Math.min(b.nominal, demand) - 1);
        expect(seats[at]).toBeLessThanOrEqual(b.max + 1);
      });
    }
  });
});
