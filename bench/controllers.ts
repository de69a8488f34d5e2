/**
 * Controllers at scale: 2,000 Deployments of 50 replicas rolled at once, 50,000 dependents of an owner that goes, and what
 * 30,000 pods cost while nothing happens. A cluster inside a process, its nodes hollow: nothing runs, and nothing is
 * written to a disk. `npx tsx bench/controllers.ts [--runs N] [--only rollout|background|foreground|idle] [--share 0.1]`.
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

/** What `bench/controllers-case.ts` prints, in its order. */
const cases: Record<string, Measure[]> = {
  rollout: [
    { what: '2,000 Deployments of 50 replicas rolled at once', unit: 'ms', bar: 180_000 },
    { what: 'the same: processor time', unit: 'ms' },
    { what: 'the same: writes of everybody for a replica', unit: '×' },
  ],
  background: [
    { what: '50,000 dependents gone, in the background', unit: 'ms', bar: 20_000 },
    { what: 'the same: processor time', unit: 'ms' },
  ],
  foreground: [
    { what: '50,000 dependents gone before their owner', unit: 'ms', bar: 20_000 },
    { what: 'the same: processor time', unit: 'ms' },
  ],
  idle: [
    { what: 'idle, 30,000 pods: of one core', unit: '%', bar: 1 },
    { what: 'the same: writes of everybody', unit: '/s' },
  ],
};

const program = await compileCase('controllers', { bundle: true });

const share = option('share', '1');
const only = option('only', '');
const names = Object.keys(cases).filter((name) => !only || only === name);
const titled = (what: string) => (share === '1' ? what : `${what} (${share} of that)`);
const rows = new Map(
  names.map((name) => [
    name,
    (cases[name] ?? []).map((measure): Row => ({ ...measure, what: titled(measure.what), values: [] })),
  ]),
);
for (let run = 0; run < option('runs', 3); run++) {
  for (const [name, measures] of rows) {
    runCase(program, [name, share], { heapMb: 8192 }).forEach((value, i) => measures[i]?.values.push(value));
  }
}
report(
  only ? `controllers-${only}` : 'controllers',
  `npx tsx bench/controllers.ts ${process.argv.slice(2).join(' ')}`.trim(),
  [...rows.values()].flat(),
);
