/**
 * `npm run mutants [WORD …]`: plants one bug after another (`test/mutants/`) in a copy of the checkout and demands that the
 * test it names fails, by an assertion of its own. With words: only the mutants whose bug, file or test has one of them.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { outputOf, runCommand } from '../src/host/command.ts';
import type { Mutant } from '../test/mutants/mutant.ts';
import { mutants } from '../test/mutants/mutants.ts';
import { runVitest } from './run-vitest.ts';

const root = join(import.meta.dirname, '..');
const limitSeconds = 300;

/** The files of the checkout as they are now, with their times, beside the packages of the original. */
async function copyCheckout(to: string): Promise<void> {
  const args = ['-C', root, 'ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const listed = await outputOf(runCommand, { program: 'git', args });
  for (const path of listed.split('\n').filter(Boolean)) {
    cpSync(join(root, path), join(to, path), { preserveTimestamps: true, recursive: true, force: true });
  }
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
}

/** Why the mutant lives on; undefined when it was caught. */
async function survives(copy: string, { file, find, replace, test }: Mutant): Promise<string | undefined> {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(find).length !== 2) return `its text stands in ${file} ${text.split(find).length - 1} times, not once`;
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  try {
    const config = test.file.startsWith('test/') ? ['--config', 'test/vitest.config.ts'] : [];
    const args = ['run', ...config, test.file, ...(test.name ? ['-t', escaped(test.name)] : [])];
    const tally = await runVitest({ root: copy, args, limitSeconds });
    if (tally.failures.some((failure) => failure.startsWith(`${test.file} > `))) return undefined;
    return tally.failed > 0 ? `the test could not run: ${tally.failures[0]}` : `${tally.passed} tests passed`;
  } finally {
    writeFileSync(path, text);
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const words = process.argv.slice(2);
const chosen = mutants.filter((mutant) => {
  const text = `${mutant.bug} ${mutant.file} ${mutant.test.file} ${mutant.test.name}`;
  return words.length === 0 || words.some((word) => text.includes(word));
});
const copy = mkdtempSync(join(tmpdir(), 'knarr-mutants-'));
let alive = 0;
try {
  await copyCheckout(copy);
  process.chdir(copy);
  // Tests that a bug ends in the middle leave theirs behind.
  process.env.TMPDIR = mkdtempSync(join(copy, 'tmp-'));
  for (const mutant of chosen) {
    const began = process.hrtime.bigint();
    const why = await survives(copy, mutant);
    const seconds = (Number(process.hrtime.bigint() - began) / 1e9).toFixed(1);
    console.log(`${why ? '✗' : '✓'} ${mutant.bug} (${dirname(mutant.file)}, ${seconds} s)${why ? `: ${why}` : ''}`);
    if (why) alive += 1;
  }
} finally {
  rmSync(copy, { recursive: true });
}
console.log(`\n${chosen.length - alive} of ${chosen.length} planted bugs caught`);
process.exitCode = alive > 0 || chosen.length === 0 ? 1 : 0;
