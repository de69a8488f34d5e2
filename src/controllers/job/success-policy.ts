import type { Job } from '../../api/generated/types.ts';
import { parseIndexes } from './indexes.ts';

/** The first rule that the succeeded indexes fulfil, in the API's words (KEP-3998). */
export function metSuccessRule({ spec }: Job, succeeded: ReadonlySet<number>): string | undefined {
  if (succeeded.size === 0) return undefined;
  for (const [i, { succeededIndexes, succeededCount }] of (spec.successPolicy?.rules ?? []).entries()) {
    const asked = succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, spec.completions);
    const reached = asked ? [...asked].filter((index) => succeeded.has(index)).length : succeeded.size;
    const wanted = succeededCount ?? asked?.size ?? Number.POSITIVE_INFINITY;
    if (reached >= wanted) return `Matched rules at index ${i}`;
  }
  return undefined;
}
