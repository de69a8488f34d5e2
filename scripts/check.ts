/**
 * `npm run check`: what must hold before a commit. Without arguments the unit tests of what has changed since the last
 * commit (`--since REV`: since that one) are run; with `--all`, all of them; with `--static`, none. Prints one line for each check, and what a
 * failed one said.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, runCommand } from '../src/host/command.ts';
import { checkImports } from './check-imports.ts';
import { runVitest } from './run-vitest.ts';

const root = join(import.meta.dirname, '..');
process.chdir(root);
const bin = (name: string): string => join(root, 'node_modules/.bin', name);
const all = process.argv.includes('--all');
const isStatic = process.argv.includes('--static');
const since = process.argv.includes('--since') ? (process.argv.at(-1) as string) : 'HEAD';

interface Outcome {
  passed: boolean;
  /** Shown when the check failed. */
  output: string;
}
interface Check {
  name: string;
  run(): Promise<Outcome>;
}

const outcomeOf = ({ exitCode, stdout, stderr }: CommandResult): Outcome => ({
  passed: exitCode === 0,
  output: `${stdout}${stderr}`.trim(),
});

const command = (name: string, program: string, ...args: string[]): Check => ({
  name,
  run: async () => outcomeOf(await runCommand({ program, args })),
});

async function filesOf(...args: string[]): Promise<string[]> {
  const { stdout } = await runCommand({ program: 'git', args: ['-C', root, ...args] });
  return stdout.split('\n').filter((line) => line.endsWith('.ts'));
}

const imports: Check = {
  name: 'import table',
  async run() {
    const paths = await filesOf('ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', 'src');
    const present = paths.flatMap((path) => {
      try {
        return [{ path, text: readFileSync(join(root, path), 'utf8') }];
      } catch {
        // Removed but not committed yet.
        return [];
      }
    });
    const breaches = checkImports(present);
    return { passed: breaches.length === 0, output: breaches.join('\n') };
  },
};

const roomPages: Check = {
  name: 'a page for every room',
  async run() {
    const rooms = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const missing = rooms.filter(({ name }) => !existsSync(join('src', name, 'README.md')));
    return {
      passed: missing.length === 0,
      output: missing.map(({ name }) => `src/${name}/README.md is missing`).join('\n'),
    };
  },
};

const unitTests: Check = {
  name: all ? 'unit tests' : 'unit tests of what has changed',
  async run() {
    const changed = [
      ...(await filesOf('diff', '--name-only', '--diff-filter=d', since)),
      ...(await filesOf('ls-files', '--others', '--exclude-standard')),
    ].map((path) => join(root, path));
    if (!all && changed.length === 0) return { passed: true, output: '' };
    const args = all ? ['run'] : ['related', '--run', ...changed];
    const tally = await runVitest({ root, args, limitSeconds: 300 });
    return { passed: tally.failed === 0, output: tally.failures.join('\n') };
  },
};

/** Cheap ones first; the unit tests are only asked when all others hold. */
const checks: Check[] = [
  command('format', bin('biome'), 'format', '.'),
  imports,
  roomPages,
  command('types', bin('tsc'), '--noEmit'),
  command('lint', bin('oxlint'), '--quiet'),
  command('nothing unused', bin('knip'), '--no-progress'),
  command('coverage of the facts', bin('tsx'), 'scripts/coverage-facts.ts', '--verify'),
  command('generated code', bin('tsx'), 'scripts/generate.ts', '--verify'),
  unitTests,
];

let failed = 0;
for (const check of checks) {
  if (check === unitTests && (failed > 0 || isStatic)) break;
  const { name, run } = check;
  const began = process.hrtime.bigint();
  const { passed, output } = await run();
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  console.log(`${passed ? '✓' : '✗'} ${name.padEnd(40)} ${seconds.toFixed(1).padStart(5)} s`);
  if (passed) continue;
  failed += 1;
  console.log(output.split('\n').slice(0, 80).join('\n'));
}
process.exitCode = failed > 0 ? 1 : 0;
