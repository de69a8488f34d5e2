/** How a level's shares are configured; see PriorityLevelConfiguration. */
export interface Shares {
  nominal: number;
  /** Of its seats, the part that others may use. */
  lendablePercent: number;
  /** The part of its own seats that it may have more; undefined: all that others lend. */
  borrowingLimitPercent?: number;
}

export interface SeatBounds {
  nominal: number;
  min: number;
  max: number;
}

/** The seats that each level is entitled to, of all that the server has, and how far lending and borrowing may go. */
export function boundsOf(total: number, levels: readonly Shares[]): SeatBounds[] {
  const sum = levels.reduce((shares, level) => shares + level.nominal, 0) || 1;
  return levels.map((level) => {
    const nominal = Math.ceil((total * level.nominal) / sum);
    const { borrowingLimitPercent: limit } = level;
    return {
      nominal,
      min: nominal - Math.round((nominal * level.lendablePercent) / 100),
      max: limit === undefined ? total : nominal + Math.round((nominal * limit) / 100),
    };
  });
}

/**
 * Seats by demand: who wants less than its own lends, who wants more borrows. Every level gets the same part of what it
 * wants, within its bounds (KEP-1040, "Dispatching"): nobody who wants its own seats gets fewer.
 */
export function seatsByDemand(total: number, levels: readonly { bounds: SeatBounds; demand: number }[]): number[] {
  const items = levels.map(({ bounds, demand }) => {
    const low = Math.max(bounds.min, Math.min(bounds.nominal, demand));
    return { low, high: Math.max(bounds.max, low), target: Math.max(demand, low, 0.001) };
  });
  const at = (part: number) => items.map(({ low, high, target }) => Math.min(Math.max(part * target, low), high));
  const sumAt = (part: number) => at(part).reduce((sum, seats) => sum + seats, 0);
  let [few, many] = [0, total / Math.min(...items.map(({ target }) => target), 1)];
  // The sum grows with the part: halving finds it, far below one seat of error.
  for (let i = 0; i < 60; i++) {
    const middle = (few + many) / 2;
    if (sumAt(middle) > total) many = middle;
    else few = middle;
  }
  return at(few).map(Math.round);
}
