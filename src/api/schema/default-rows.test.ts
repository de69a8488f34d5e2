import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { applyDefaults } from './defaults.ts';
import { schema } from './schema.ts';

/** An object that leaves something out, and what decoding and defaults make of it, by path; null is nothing. */
interface Case {
  /** The row of `facts/defaults.json` that it shows; `npm run coverage:facts` counts those. */
  default: [names: string, field: string];
  type: string;
  given: object;
  // biome-ignore lint/suspicious/noThenProperty: what follows, in data
  then: Record<string, unknown>;
}

const cases = readFileSync(join(import.meta.dirname, 'testdata/default-rows.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

const steps = (path: string): string[] => [...path.matchAll(/\[([^\]]*)\]|[^.[]+/g)].map((m) => m[1] ?? m[0]);

function at(object: unknown, path: string): unknown {
  let value = object;
  for (const step of steps(path)) value = (value as Record<string, unknown> | undefined)?.[step];
  return value ?? null;
}

const now = () => '2026-01-02T03:04:05Z';

it.each(cases.map((one) => [one.default.join(' '), one] as const))('%s', (_name, { type, given, then }) => {
  const object = applyDefaults(type, schema.codecFor(type).decode(given).object, now);
  expect(Object.fromEntries(Object.keys(then).map((path) => [path, at(object, path)]))).toEqual(then);
});
