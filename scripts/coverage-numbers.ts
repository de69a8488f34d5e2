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
