/** `0-2,5` and back: how an indexed Job tells which of its indexes are done. Those from `end` on are left out. */
export function parseIndexes(text = '', end = Number.POSITIVE_INFINITY): Set<number> {
  const indexes = new Set<number>();
  for (const part of text.split(',').filter((p) => p !== '')) {
    const [first = 0, last = first] = part.split('-').map(Number);
    for (let i = first; i <= last && i < end; i++) indexes.add(i);
  }
  return indexes;
}

export function formatIndexes(indexes: Iterable<number>): string {
  const runs: [number, number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && run[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  }
  // Two in a row are written as two, as Kubernetes does.
  return runs.map(([a, b]) => (a === b ? `${a}` : b === a + 1 ? `${a},${b}` : `${a}-${b}`)).join(',');
}
