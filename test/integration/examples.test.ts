import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

/** What `examples/` promises: each runs as its page says, as another user than root would run it. */
describe('examples', () => {
  const root = join(import.meta.dirname, '../..');
  const run = (program: string, args: string[]): string =>
    execFileSync(program, args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      env: { ...process.env, KNARR: `${process.execPath} dist/knarr.js` },
    });
  beforeAll(() => {
    execFileSync('npm', ['run', '-s', 'build'], { cwd: root, timeout: 120_000 });
  });

  it('an operator on @kubernetes/client-node, with fast-forward', () => {
    const output = run(process.execPath, ['--test', '--test-reporter', 'tap', 'examples/operator/operator.test.js']);
    expect(output).toMatch(/^# pass 3$/m);
    expect(output).toMatch(/^# fail 0$/m);
  });

  it('a Python test with the standard library only', () => {
    const script = `import sys,unittest;sys.path.insert(0,'examples/python');import test_deployment as t;r=unittest.TextTestRunner(stream=sys.stdout).run(unittest.defaultTestLoader.loadTestsFromModule(t));sys.exit(not r.wasSuccessful())`;
    expect(run('python3', ['-c', script])).toMatch(/Ran 3 tests in .*\n\nOK/);
  });
});
