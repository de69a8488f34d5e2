/**
 * `./knarr test`: all tests of this machine, in layers, the cheap ones first. Ends with the count of tests, the skips and
 * `N passed, N failed`. `--long` adds what takes too long for every day.
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installPrerequisites, missingPrerequisites, prerequisites } from '../src/cluster/prerequisites.ts';
import { runCommand } from '../src/host/command.ts';
import { leftovers, takeSnapshot } from './clean-machine.ts';
import { type TestTally, runVitest } from './run-vitest.ts';

const root = join(import.meta.dirname, '..');
const isLong = process.argv.includes('--long');

interface Layer {
  name: string;
  args: string[];
  limitSeconds: number;
}

/** What tests use beyond what a cluster needs. */
const testPrerequisites = [
  { anyOf: ['/usr/bin/etcd'], debianPackage: 'etcd-server', why: 'is the journal of several servers' },
  { anyOf: ['/usr/bin/gcc'], debianPackage: 'gcc', why: 'builds the faulty disk' },
  { anyOf: ['/usr/include/stdio.h'], debianPackage: 'libc6-dev', why: 'builds the faulty disk' },
];

const layers: Layer[] = [
  { name: 'unit', args: ['run'], limitSeconds: 1800 },
  // With the cluster of e2e from beginning to end: the plugins of runtimes that tests start on the machine itself turn
  // ip_forward on, and it is this cluster that gives it back.
  { name: 'machine', args: ['run', '--config', 'test/vitest.config.ts'], limitSeconds: isLong ? 6 * 3600 : 1500 },
];
// Guests in software emulation take the better part of an hour, on a machine that has other work several.
if (isLong)
  layers.push({ name: 'guest', args: ['run', '--config', 'test/vm/vitest.config.ts'], limitSeconds: 4 * 3600 });

/** Tests that may be skipped: `file > name: reason (issue)`, one a line. Any other skip fails the run. */
function allowedSkips(): string[] {
  const lines = readFileSync(join(root, 'test/skips.txt'), 'utf8').split('\n');
  return lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

/** What is on the machine now and was not before, the run's own folder included, which goes now. */
async function leftBehind(): Promise<string[]> {
  const left = leftovers(before, await takeSnapshot());
  // Node's tools keep caches there.
  const files = readdirSync(temporary).filter((name) => !/^(tsx-|node-compile-cache|v8-compile-cache)/.test(name));
  rmSync(temporary, { recursive: true, force: true });
  return [...left, ...files.map((name) => `file: ${join(temporary, name)}`)].map((what) => `left behind: ${what}`);
}

const allowed = allowedSkips();
const isAllowed = (id: string): boolean => allowed.some((line) => line.startsWith(`${id}: `));

if (process.getuid?.() !== 0) throw new Error('./knarr test makes networks and containers: run it as root');
await installPrerequisites(await missingPrerequisites([...prerequisites, ...testPrerequisites]), { run: runCommand });
process.env.KNARR_TEST_LONG = isLong ? '1' : '';
// A folder of the run's own: what a test leaves in it is known to be ours.
const temporary = mkdtempSync('/tmp/kt-');
// As /tmp itself: some tests run programs as other users.
chmodSync(temporary, 0o1777);
process.env.TMPDIR = temporary;
const before = await takeSnapshot();

const total: TestTally = { passed: 0, failed: 0, skipped: [], failures: [] };
for (const { name, args, limitSeconds } of layers) {
  console.log(`\n== ${name} tests`);
  const tally = await runVitest({ root, args, limitSeconds, show: true });
  total.passed += tally.passed;
  total.failed += tally.failed;
  total.skipped.push(...tally.skipped);
  total.failures.push(...tally.failures);
}
if (isLong) {
  console.log('\n== planted bugs');
  const { exitCode, stdout } = await runCommand({
    program: process.execPath,
    args: [...process.execArgv, join(root, 'scripts/mutants.ts')],
  });
  console.log(stdout);
  total.passed += exitCode === 0 ? 1 : 0;
  if (exitCode !== 0) total.failures.push('npm run mutants: a planted bug was not caught');
  total.failed = total.failures.length;
}
total.failures.push(...(await leftBehind()));
total.failed = total.failures.length;
const unexplained = total.skipped
  .filter((id) => !isAllowed(id))
  .map((id) => `${id}: skipped without a line in test/skips.txt`);
for (const failure of [...total.failures, ...unexplained]) console.log(`✗ ${failure}`);
console.log(`\nskips: ${total.skipped.length} (${allowed.length} in test/skips.txt)`);
console.log(`${total.passed} passed, ${total.failed + unexplained.length} failed, ${total.skipped.length} skipped`);
process.exitCode = total.failed + unexplained.length > 0 ? 1 : 0;
