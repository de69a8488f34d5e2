import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mutants } from '../test/mutants/mutants.ts';

const root = join(import.meta.dirname, '..');

/** That each is caught takes minutes and is shown by `npm run mutants`, which `./knarr test --long` runs. */
describe('planted bugs', () => {
  it('are at least thirty, none twice', () => {
    expect(new Set(mutants.map(({ bug }) => bug)).size).toBe(mutants.length);
    expect(mutants.length).toBeGreaterThanOrEqual(30);
  });

  // When you change such a line, change the mutant in test/mutants/ with it.
  it.each(mutants.map((mutant) => [mutant.bug, mutant] as const))('"%s" still fits its file', (_bug, mutant) => {
    expect(readFileSync(join(root, mutant.file), 'utf8').split(mutant.find)).toHaveLength(2);
    expect(existsSync(join(root, mutant.test.file))).toBe(true);
    expect(mutant.replace).not.toBe(mutant.find);
  });
});
