import { describe, expect, it } from 'vitest';
import { CommandError, outputOf, type RunCommand, runCommand, runInNetworkNamespace } from './command.ts';

describe('runCommand', () => {
  it('gives input, takes output and exit code', async () => {
    const result = await runCommand({ program: 'sh', args: ['-c', 'cat; echo no >&2; exit 3'], input: 'hello' });
    expect(result).toEqual({ exitCode: 3, stdout: 'hello', stderr: 'no\n' });
  });

  it('adds to the environment, and ends what takes too long', async () => {
    const args = ['-c', 'echo "$OWN $HOME"; exec sleep 60'];
    const command = { program: 'sh', args, env: { OWN: 'here' }, timeoutMs: 500 };
    expect(await runCommand(command)).toEqual({ exitCode: -1, stdout: `here ${process.env.HOME ?? ''}\n`, stderr: '' });
  });

  it('does not mind a program that reads nothing', async () => {
    const input = 'x'.repeat(1_000_000);
    expect((await runCommand({ program: 'true', args: [], input })).exitCode).toBe(0);
  });

  it('rejects when there is no such program', async () => {
    await expect(runCommand({ program: '/no/such/program', args: [] })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('outputOf turns an exit code into an error with what the program said', async () => {
    const failing = outputOf(runCommand, { program: 'sh', args: ['-c', 'echo broken >&2; exit 2'] });
    await expect(failing).rejects.toThrow(CommandError);
    await expect(failing).rejects.toMatchObject({ result: { exitCode: 2, stderr: 'broken\n' } });
  });

  it('enters only the network namespace', async () => {
    const seen: string[] = [];
    const run: RunCommand = async ({ program, args }) => {
      seen.push([program, ...args].join(' '));
      return { exitCode: 0, stdout: '', stderr: '' };
    };
    await runInNetworkNamespace(run, '/run/netns/x')({ program: 'nft', args: ['-f', '-'] });
    expect(seen).toEqual(['nsenter --net=/run/netns/x -- nft -f -']);
  });
});
