import type { Before } from './correlation.ts';
import type { Check } from './validate.ts';
import { Verdict } from './verdict.ts';

interface Alternatives {
  anyOf: Check[] | undefined;
  oneOf: Check[] | undefined;
  allOf: Check[] | undefined;
  not: Check | undefined;
}

type Place = { path: string; before: Before | undefined };

/** anyOf, oneOf, allOf and not, in the words of go-openapi: where none fits, what the closest one lacks is said too. */
export function validateAlternatives(schemas: Alternatives, value: unknown, at: Place, verdict: Verdict): void {
  const { anyOf, oneOf, allOf, not } = schemas;
  if (anyOf) {
    const { valid, best } = tryAll(anyOf, value, at);
    if (valid === 0) fail(verdict, at, { text: 'must validate at least one schema (anyOf)', best });
  }
  if (oneOf) {
    const { valid, best } = tryAll(oneOf, value, at);
    const text = 'must validate one and only one schema (oneOf).';
    if (valid === 0) fail(verdict, at, { text: `${text} Found none valid`, best });
    else if (valid > 1) fail(verdict, at, { text: `${text} Found ${valid} valid alternatives`, best: undefined });
  }
  if (allOf) {
    const first = verdict.errors.length;
    for (const check of allOf) check(value, at, verdict);
    if (verdict.errors.length > first) verdict.composite(at.path, 'must validate all the schemas (allOf)');
  }
  if (not && tryAll([not], value, at).valid === 1) verdict.composite(at.path, 'must not validate the schema (not)');
}

function tryAll(checks: Check[], value: unknown, at: Place): { valid: number; best: Verdict | undefined } {
  let valid = 0;
  let best: Verdict | undefined;
  for (const check of checks) {
    const verdict = new Verdict();
    check(value, at, verdict);
    if (verdict.errors.length === 0) valid++;
    else if (!best || verdict.matches > best.matches) best = verdict;
  }
  return { valid, best };
}

function fail(verdict: Verdict, at: Place, { text, best }: { text: string; best: Verdict | undefined }): void {
  verdict.composite(at.path, text);
  if (best) verdict.merge(best);
}
