/** What every bench says and keeps: the figures, the bar, the machine's load and the commit. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

export interface Row {
  what: string;
  /** One value per run, in `unit`. */
  values: number[];
  unit: 'ms' | 'MB' | '%' | '×' | '/s';
  /** The median must not be above (or, with `atLeast`, below) this. */
  bar?: number;
  atLeast?: boolean;
}

const root = join(import.meta.dirname, '..');

export const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] as number;

export const median = (values: readonly number[]): number => percentile(values, 0.5);

const missesBar = ({ values, bar, atLeast }: Row): boolean =>
  bar !== undefined && (atLeast ? median(values) < bar : median(values) > bar);

const lineOf = (row: Row): string => {
  const { what, values, unit, bar, atLeast } = row;
  const shown = (n: number) => n.toFixed(n < 10 ? 2 : n < 100 ? 1 : 0);
  const limit = bar === undefined ? '' : `${atLeast ? '≥' : '≤'} ${bar} ${missesBar(row) ? 'MISSED' : 'met'}`;
  const spread = `min ${shown(Math.min(...values))} max ${shown(Math.max(...values))} n ${values.length}`;
  return `${what.padEnd(58)} median ${shown(median(values)).padStart(7)} ${unit.padEnd(3)} ${spread.padEnd(32)} ${limit}`;
};

/** Prints the rows and writes them to `bench/results/<name>.json`; the exit code tells of a missed bar. */
export function report(name: string, command: string, rows: Row[]): void {
  for (const row of rows) console.log(lineOf(row));
  const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version, load: loadavg() };
  const commit = git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') ? '+changes' : '');
  const result = { command, commit, date: new Date().toISOString(), machine, rows: rows.map(withMedian) };
  mkdirSync(join(root, 'bench/results'), { recursive: true });
  writeFileSync(join(root, 'bench/results', `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  if (rows.some(missesBar)) process.exitCode = 1;
}

const withMedian = (row: Row) => ({
  ...row,
  values: row.values.map((value) => Number(value.toFixed(3))),
  median: Number(median(row.values).toFixed(3)),
});
