/** What `coverage-facts.ts` decides by. Pure. */

export type Numbers = Record<string, { done: number; total: number }>;

/** A field path without what stands in brackets: `spec.ports[0].name` → `spec.ports.name`. */
export const withoutIndexes = (path: string): string => path.replaceAll(/\[[^\]]*\]|\{[^}]*\}/g, '');

/** Which numbers are lower than they were, or gone. */
export const fallen = (before: Numbers, now: Numbers): string[] =>
  Object.entries(before).flatMap(([name, { done }]) => {
    const present = now[name]?.done;
    return present !== undefined && present >= done ? [] : [`${name}: ${present ?? 'nothing'}, but it was ${done}`];
  });

/** What a reason begins with that only says that something is not done yet. */
const open = 'open: ';

/**
 * Facts that nothing shows need a reason, and no others may have one: how many are out of reach, how many are open, and what
 * is wrong. `done` says which of the facts, by their keys, are shown.
 */
export function explained(
  done: ReadonlyMap<string, boolean>,
  reasons: Readonly<Record<string, string>>,
): { unreachable: number; open: number; problems: string[] } {
  const missing = [...done].filter(([, isShown]) => !isShown).map(([key]) => key);
  const given = missing.flatMap((key) => reasons[key] ?? []);
  const openOnes = given.filter((reason) => reason.startsWith(open)).length;
  return {
    unreachable: given.length - openOnes,
    open: openOnes,
    problems: [
      ...missing.flatMap((key) => (reasons[key] ? [] : [`${key}: not shown, and nothing says why`])),
      ...Object.keys(reasons).flatMap((key) => (done.get(key) ? [`${key}: shown, but there is a reason why not`] : [])),
    ],
  };
}

/** Entries `file > name` whose file does not hold a test of that name. */
export function missingTests(tests: Record<string, string>, textOf: (path: string) => string): string[] {
  return Object.entries(tests).flatMap(([behaviour, test]) => {
    const [file = '', name = ''] = test.split(' > ');
    try {
      return textOf(file).includes(name) && name !== '' ? [] : [`${behaviour}: ${file} has no test "${name}"`];
    } catch {
      return [`${behaviour}: there is no ${file}`];
    }
  });
}
