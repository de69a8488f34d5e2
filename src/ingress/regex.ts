import { compilePattern } from '../base/pattern.ts';

/** What PCRE2 compiles to is limited: counted repetitions are copies. */
const longest = 20_000;

/**
 * Why haproxy could not take an expression, or undefined. It is read as RE2 first, which knows nothing that takes long; haproxy's
 * PCRE2 differs in names that come twice and in characters beyond a byte.
 */
export function regexProblem(expression: string): string | undefined {
  if (/\(\?P?</.test(expression)) return 'groups with a name are not supported';
  if (/\\[pPxCQ]|[^ -~]/.test(expression)) return 'only printable ASCII without \\p, \\x, \\C and \\Q is supported';
  const copies = [...expression.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].map(([, least, most]) => Number(most || least) || 1);
  const size = copies.reduce((product, count) => product * count, expression.length);
  // To read what repeats much takes long.
  if (size > longest) return 'it repeats too much';
  try {
    compilePattern(expression);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return undefined;
}
