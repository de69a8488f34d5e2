/** Runs vitest and reads what came of it from its JSON report, never from its text. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type RunCommand, runCommand } from '../src/host/command.ts';

export interface TestTally {
  passed: number;
  failed: number;
  /** `file > name` of each test that did not run. */
  skipped: string[];
  /** `file > name: why` of each test that failed; a file that could not be loaded counts as one. */
  failures: string[];
}

export interface VitestRequest {
  root: string;
  /** Arguments after `vitest`, the mode first: `run`, or `related` with files. */
  args: readonly string[];
  /** The whole run is ended after this long and counts as failed. */
  limitSeconds: number;
  /** Prints what vitest says as it goes. */
  show?: boolean;
}

/** The part of vitest's JSON report that is read here. */
export interface VitestReport {
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

const firstLines = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, 2)
    .join(' ')
    .slice(0, 400);

/** Counts a report; paths are given from `root`. */
export function tallyOf(report: VitestReport, root: string): TestTally {
  const tally: TestTally = { passed: 0, failed: 0, skipped: [], failures: [] };
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = relative(root, name);
    for (const test of assertionResults) {
      const id = `${file} > ${test.fullName}`;
      if (test.status === 'passed') tally.passed += 1;
      else if (test.status === 'failed') tally.failures.push(`${id}: ${firstLines(test.failureMessages[0] ?? '')}`);
      else tally.skipped.push(id);
    }
    const loaded = assertionResults.some((test) => test.status === 'failed') || status !== 'failed';
    if (!loaded) tally.failures.push(`${file}: ${firstLines(message)}`);
  }
  tally.failed = tally.failures.length;
  return tally;
}

/** Runs vitest to its end, or to the limit. */
export async function runVitest(request: VitestRequest, run: RunCommand = runCommand): Promise<TestTally> {
  const { root, args, limitSeconds, show } = request;
  const dir = await mkdtemp(join(tmpdir(), 'knarr-report-'));
  try {
    const reportFile = join(dir, 'report.json');
    const vitest = [join(root, 'node_modules/.bin/vitest'), ...args, '--passWithNoTests', '--allowOnly=false'];
    const reporters = ['--reporter=json', `--outputFile.json=${reportFile}`, ...(show ? ['--reporter=default'] : [])];
    const limited = ['-k', '10', String(limitSeconds), ...vitest, ...reporters];
    const result = await (show ? runShown : run)({ program: 'timeout', args: limited });
    const text = await readFile(reportFile, 'utf8').catch(() => undefined);
    if (text !== undefined && result.exitCode !== 124 && result.exitCode !== 137)
      return withExit(tallyOf(JSON.parse(text) as VitestReport, root), result);
    const ended = result.exitCode === 124 || result.exitCode === 137;
    const why = ended ? `ended after ${limitSeconds} s` : `exit code ${result.exitCode}: ${result.stderr.slice(-2000)}`;
    return { passed: 0, failed: 1, skipped: [], failures: [`vitest: ${why}`] };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Gives the program this process's own output: nothing of it is kept. */
const runShown: RunCommand = ({ program, args }) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? -1, stdout: '', stderr: '' }));
  });

/** An error outside of every test (an unhandled rejection) fails the run too. */
function withExit(tally: TestTally, result: { exitCode: number; stderr: string }): TestTally {
  if (result.exitCode === 0 || tally.failed > 0) return tally;
  const why = `vitest: exit code ${result.exitCode} although no test failed: ${firstLines(result.stderr)}`;
  return { ...tally, failed: 1, failures: [why] };
}
