import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ensureCluster } from '../cluster/cluster-identity.ts';
import { StepFailure } from '../cluster/step-failure.ts';
import { createProgram, runCli } from './cli.ts';
import { explain } from './explain.ts';
import { testSurroundings } from './test-surroundings.ts';

describe('the command line', () => {
  const home = mkdtempSync(join(tmpdir(), 'knarr-cli-'));
  afterAll(() => rmSync(home, { recursive: true }));
  const run = async (...args: string[]) => {
    const { at, stdout, stderr } = testSurroundings({ KNARR_HOME: home });
    return { code: await runCli(args, at), stdout: stdout(), stderr: stderr() };
  };

  it('has a help with examples and exit codes for every command', async () => {
    const names = createProgram(testSurroundings().at, () => {})
      .commands.filter((command) => !['__complete', 'help'].includes(command.name()))
      .flatMap((command) => {
        const children = command.commands.map((child) => [command.name(), child.name()]);
        return children.length > 0 ? children : [[command.name()]];
      });
    for (const words of names) {
      const { code, stdout } = await run(...words, '--help');
      expect(code, words.join(' ')).toBe(0);
      expect(stdout).toContain(`Usage: knarr ${words.join(' ')}`);
      expect(stdout).toContain('Examples:\n  $ ');
      expect(stdout).toMatch(/Exit codes:\n {2}0 {2}done\n {2}1 {2}/);
    }
    const { stdout } = await run('--help');
    expect(stdout).toContain('A first session:');
    expect(stdout).not.toContain('__complete');
  });

  it('ends with 2 for what it does not understand, and says where to look', async () => {
    expect(await run('nonsense')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("unknown command 'nonsense'"),
    });
    expect(await run('status', '--nonsense')).toMatchObject({ code: 2, stderr: expect.stringContaining('--help') });
    expect(await run('status', '-o', 'xml')).toMatchObject({ code: 2, stderr: expect.stringContaining('text, json') });
  });

  it('ends with 3 for a cluster that is not there', async () => {
    expect(await run('status', '--cluster', 'none')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'knarr: there is no cluster "none" on this machine; ./knarr up --cluster none makes one\n',
    });
    await ensureCluster(home, 'some');
    expect((await run('kubectl', '--cluster', 'none', 'get', 'pods')).stderr).toContain('(there are: some)');
  });

  it('ends with 5 for a cluster of a newer knarr', async () => {
    const { identityFile } = await ensureCluster(home, 'newer');
    writeFileSync(identityFile, JSON.stringify({ format: 9, name: 'newer', index: 0 }));
    for (const command of [['status'], ['down'], ['backup', join(home, 'x')], ['server']]) {
      const { code, stderr } = await run(...command, '--cluster', 'newer');
      expect(code, command.join(' ')).toBe(5);
      expect(stderr).toContain('was written by a newer knarr (format 9; this one knows up to 1)');
    }
  });

  it('ends with 4 for a cluster that does not run, as text and as JSON', async () => {
    await ensureCluster(home, 'down');
    const text = await run('status', '--cluster', 'down');
    expect(text.code).toBe(4);
    expect(text.stdout).toContain('cluster down: not healthy');
    expect(text.stdout).toContain('! server does not run');
    const json = await run('status', '--cluster', 'down', '--output', 'json');
    expect(json.code).toBe(4);
    expect(JSON.parse(json.stdout)).toMatchObject({
      cluster: 'down',
      healthy: false,
      services: [{ name: 'server', running: false }],
      ports: [{ port: expect.any(Number) }, {}],
    });
  });

  it('tells of a failed step the reason, the log and what to try', () => {
    const failure = new StepFailure('gave up', { logFile: '/l/server.log', logLines: ['it broke'], next: 'try this' });
    expect(explain(failure)).toEqual({
      lines: ['gave up', '  | it broke', 'log: /l/server.log', 'next: try this'],
      exitCode: 1,
    });
    expect(explain(new Error('a fault'))).toBeUndefined();
  });
});
