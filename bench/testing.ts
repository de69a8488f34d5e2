/**
 * A cluster inside a test: what it costs to start one, to have many, to simulate a day, and to have a large one. Drives the
 * built library, as a test would. Nodes are hollow: nothing runs. `npx tsx bench/testing.ts [--runs N] [--only start|many|day|large]`.
 * Each run is a process of its own; processor time stands beside the time on the clock.
 */
import { compileCase, runCase } from './case-process.ts';
import { option } from './option.ts';
import { report, type Row } from './report.ts';

interface Measure {
  what: string;
  unit: Row['unit'];
  bar?: number;
}

/** What `bench/testing-case.ts` prints, in its order. */
const cases: Record<string, Measure[]> = {
  start: [
    { what: 'startCluster() to the first answer, warm', unit: 'ms', bar: 120 },
    { what: 'startCluster() to 3 hollow pods Running, warm', unit: 'ms', bar: 300 },
    { what: 'the latter: processor time', unit: 'ms' },
  ],
  many: [{ what: '20 clusters in one process: memory (RSS)', unit: 'MB', bar: 400 }],
  day: [
    { what: 'a day of 100 hollow nodes, 2,000 pods, churn', unit: 'ms', bar: 20_000 },
    { what: 'the same: processor time', unit: 'ms' },
    { what: 'the same: memory (RSS)', unit: 'MB' },
  ],
  large: [
    { what: '5,000 hollow nodes registered', unit: 'ms', bar: 5000 },
    { what: '50,000 pods placed on them', unit: 'ms', bar: 40_000 },
    { what: 'both: processor time', unit: 'ms' },
    { what: 'both: memory (RSS)', unit: 'MB' },
  ],
};

const program = await compileCase('testing', { bundle: false });

const only = option('only', '');
const names = Object.keys(cases).filter((name) => !only || only === name);
const rows = new Map(
  names.map((name) => [name, (cases[name] ?? []).map((measure): Row => ({ ...measure, values: [] }))]),
);
for (let run = 0; run < option('runs', 5); run++) {
  for (const [name, measures] of rows) {
    runCase(program, [name]).forEach((value, i) => measures[i]?.values.push(value));
  }
}
report(
  only ? `testing-${only}` : 'testing',
  `npx tsx bench/testing.ts${only ? ` --only ${only}` : ''}`,
  [...rows.values()].flat(),
);
