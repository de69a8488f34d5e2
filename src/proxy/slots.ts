/**
 * Gives endpoints slots 0..n-1 without holes (a packet picks a random number below n), moving as few as possible: those
 * that stay keep their slot, newcomers fill holes, and when there are more holes than newcomers the last ones move in.
 */
export function assignSlots(previous: readonly string[], wanted: Iterable<string>): string[] {
  const missing = new Set(wanted);
  const slots: (string | undefined)[] = previous.map((endpoint) => (missing.delete(endpoint) ? endpoint : undefined));
  const newcomers = [...missing];
  for (let i = 0; i < slots.length && newcomers.length > 0; i++) slots[i] ??= newcomers.shift();
  slots.push(...newcomers);
  for (let i = 0; i < slots.length; i++) {
    while (slots.length > 0 && slots.at(-1) === undefined) slots.pop();
    if (i < slots.length && slots[i] === undefined) slots[i] = slots.pop();
  }
  return slots as string[];
}
