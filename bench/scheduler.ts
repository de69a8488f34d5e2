/**
 * The scheduler against the shapes and floors of kube-scheduler's own suite: through the API server on an lmdb journal, in
 * one process as a server is; and alone. Hollow nodes without heartbeats. Creates are counted apart; what is measured runs
 * from the first binding seen to the last. `npx tsx bench/scheduler.ts [--runs N] [--only SHAPE] [--alone] [--share 0.1]`
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from 'esbuild';
import { report, type Row } from './report.ts';
import { shapes } from './scheduler-shapes.ts';

const root = join(import.meta.dirname, '..');
const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};

/** Compiled first, as the program is: a loader in the process would be measured too. */
const program = join(root, '.cache/bench/scheduler-case.mjs');
await build({
  entryPoints: [join(root, 'bench/scheduler-case.ts')],
  outfile: program,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20',
});

const share = option('share', '1');
const only = option('only', '');
const isAlone = process.argv.includes('--alone');
const run = (how: string, name: string): number[] =>
  JSON.parse(
    execFileSync(process.execPath, ['--max-old-space-size=4096', program, how, name, share], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 600_000,
    }),
  ) as number[];

const rows = new Map<string, Row>();
const add = (what: string, value: number | undefined, row: Omit<Row, 'what' | 'values'>): void => {
  const known = rows.get(what) ?? { what, values: [], ...row };
  rows.set(what, known);
  known.values.push(value as number);
  // Some shapes take minutes: what is known is said at once.
  console.error(`${what}: ${Math.round((value as number) * 100) / 100} ${row.unit}`);
};
for (let i = 0; i < Number(option('runs', '3')); i++) {
  for (const [name, make] of Object.entries(shapes)) {
    if (only && only !== name) continue;
    const { name: whole, floor, factor } = make(0);
    const title = share === '1' ? whole : `${whole} (${share} of that)`;
    const [attempts, ofProcessor, p99] = run('alone', name);
    const alone = name === 'basic' ? { bar: 20_000, atLeast: true } : {};
    add(`${title}: alone`, attempts, { unit: '/s', ...alone });
    // On a machine that others use too, only the processor's time says what it costs.
    add(`${title}: alone, a second of the processor`, ofProcessor, { unit: '/s', ...alone });
    add(`${title}: p99 of an attempt, processor time`, p99, { unit: 'ms', bar: 5 });
    if (isAlone) continue;
    const [bindings, ofProcessorToo, creates, delay, writes] = run('api', name);
    const bar = { bar: floor * factor, atLeast: true };
    add(`${title}: through the API`, bindings, { unit: '/s', ...bar });
    add(`${title}: through the API, a second of the processor`, ofProcessorToo, { unit: '/s', ...bar });
    add(`${title}: its creates`, creates, { unit: '/s' });
    add(`${title}: event loop delay, p99`, delay, { unit: 'ms' });
    add(`${title}: the scheduler's writes for a pod`, writes, { unit: '×' });
  }
}
report(
  only || isAlone ? `scheduler-${only || 'alone'}` : 'scheduler',
  `npx tsx bench/scheduler.ts ${process.argv.slice(2).join(' ')}`.trim(),
  [...rows.values()],
);
