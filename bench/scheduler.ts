/**
 * The scheduler against the shapes and floors of kube-scheduler's own suite: through the API server on an lmdb journal, in
 * one process as a server is; and alone. Hollow nodes without heartbeats. Creates are counted apart; what is measured runs
 * from the first binding seen to the last. `npx tsx bench/scheduler.ts [--runs N] [--only SHAPE] [--alone] [--share 0.1]`
 */
import { compileCase, runCase } from './case-process.ts';
import { option } from './option.ts';
import { report, type Row } from './report.ts';
import { shapes } from './scheduler-shapes.ts';

const program = await compileCase('scheduler', { bundle: true });

const share = option('share', '1');
const only = option('only', '');
const isAlone = process.argv.includes('--alone');
const run = (how: string, name: string): number[] =>
  runCase(program, [how, name, share], { heapMb: 4096, timeoutMs: 600_000 });

const rows = new Map<string, Row>();
const add = (what: string, value: number | undefined, row: Omit<Row, 'what' | 'values'>): void => {
  const known = rows.get(what) ?? { what, values: [], ...row };
  rows.set(what, known);
  known.values.push(value as number);
  // Some shapes take minutes: what is known is said at once.
  console.error(`${what}: ${Math.round((value as number) * 100) / 100} ${row.unit}`);
};
for (let i = 0; i < option('runs', 3); i++) {
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
